/** What stands for another character behind a backslash. */
const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
  e: "\u001b",
  _: " ",
  N: "\n",
};

function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\r?\n[ \t]*|(.))/g,
    (_, two?: string, four?: string, eight?: string, one?: string) => {
      const code = two ?? four ?? eight;
      if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10_ff_ff));
      return one === undefined ? "" : (escapes[one] ?? one);
    },
  );
}

/** A scalar in quotes. */
export interface QuotedScalar {
  readonly value: string;
  /** How many it takes. */
  readonly lines: number;
}

/** Reads the quoted scalar that a text begins with. @returns `undefined` where it is not closed. */
export function quotedScalar(text: string): QuotedScalar | undefined {
  const closed = (text.startsWith('"') ? /^"((?:[^"\\]|\\[\s\S])*)"/ : /^'((?:[^']|'')*)'/).exec(text);
  if (closed === null) return undefined;
  const inner = closed[1] as string;
  // A line break inside is a space to YAML; kept as one, it reads the same to every search of ours.
  const value = text.startsWith('"') ? unescaped(inner) : inner.replaceAll("''", "'");
  return { value, lines: inner.split("\n").length };
}
