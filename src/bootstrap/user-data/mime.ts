/** One part of a message. */
export interface Part {
  /** E.g. `part 2`, or `preamble` for what stands outside of any part; `""` for the only body. */
  readonly name: string;
  readonly text: string;
  /** In lower case; `""` where nothing is said. */
  readonly encoding: string;
}

interface Head {
  readonly type: string;
  readonly encoding: string;
  readonly boundary: string | undefined;
  readonly text: string;
  readonly body: string;
}

const headerLine = /^[!-9;-~]{1,76}:/;

/** Splits header and body where the text begins as a message does. */
function headOf(text: string): Head | undefined {
  const lines: string[] = [];
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const line = text.slice(at, end < 0 ? text.length : end).replace(/\r$/, "");
    const next = end < 0 ? text.length : end + 1;
    if (line === "") {
      at = next;
      break;
    }
    const isFirst = lines.length === 0;
    if (/^[ \t]/.test(line) && !isFirst) lines[lines.length - 1] += ` ${line.trim()}`;
    else if (headerLine.test(line) || (isFirst && line.startsWith("From "))) lines.push(line);
    else return undefined;
    at = next;
  }
  const header = (name: RegExp) => lines.find((line) => name.test(line))?.replace(/^[^:]*:\s*/, "") ?? "";
  const type = header(/^content-type:/i);
  const encoding = header(/^content-transfer-encoding:/i)
    .trim()
    .toLowerCase();
  if (type === "" && encoding === "") return undefined;
  const boundary = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(type);
  return {
    type: type.toLowerCase(),
    encoding,
    boundary: boundary?.[1] ?? boundary?.[2],
    text: text.slice(0, at),
    body: text.slice(at),
  };
}

/** The pieces between boundaries: preamble first, epilogue last. */
function split(body: string, boundary: string): { readonly pieces: readonly string[]; readonly closed: boolean } {
  const pieces: string[] = [];
  let from = 0;
  let closed = false;
  for (let at = 0; at < body.length && !closed; ) {
    const end = body.indexOf("\n", at);
    const next = end < 0 ? body.length : end + 1;
    if (body.startsWith(`--${boundary}`, at)) {
      const tail = body.slice(at + 2 + boundary.length, next).trim();
      if (tail === "" || tail === "--") {
        pieces.push(body.slice(from, at));
        from = next;
        closed = tail === "--";
      }
    }
    at = next;
  }
  pieces.push(body.slice(from));
  return { pieces, closed };
}

/**
 * Takes a MIME message apart. Nothing is left out: headers, preamble and epilogue are parts too.
 *
 * @returns `undefined` if the text is no message, or one whose parts cannot be told.
 */
export function partsOf(text: string): readonly Part[] | undefined {
  const start = text.length - text.trimStart().length;
  const head = headOf(start === 0 ? text : text.slice(start));
  if (head === undefined) return undefined;
  const headers = { name: "headers", text: head.text, encoding: "" };
  if (!head.type.startsWith("multipart/")) {
    return [headers, { name: "", text: head.body, encoding: head.encoding }];
  }
  if (head.boundary === undefined) return undefined;
  const { pieces, closed } = split(head.body, head.boundary);
  if (pieces.length < 2) return undefined;
  return [
    headers,
    ...pieces.map((piece, index): Part => {
      if (index === 0) return { name: "preamble", text: piece, encoding: "" };
      if (closed && index === pieces.length - 1) return { name: "epilogue", text: piece, encoding: "" };
      return { name: `part ${index}`, text: piece, encoding: "" };
    }),
  ];
}

/** What a content transfer encoding makes of a body; as it is where that is no known one. */
export function decodeBody({ text, encoding }: Part): Uint8Array | string {
  if (encoding === "base64") return Buffer.from(text, "base64");
  if (encoding !== "quoted-printable") return text;
  const joined = text.replace(/=[ \t]*\r?\n/g, "");
  return Buffer.from(
    joined.replace(/=([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    "latin1",
  );
}
