import { sha256 } from "../chunks.ts";
import { fromBase64, isUnreadable, readDer, textOf, type Unpacked, unpack } from "./decode.ts";
import { looksRandom } from "./entropy.ts";
import type { Finding, SecretKind } from "./finding.ts";
import { decodeBody, type Part, partsOf } from "./mime.ts";
import { namedValues } from "./named-value.ts";
import { blanked, isSshPublicKey, publicParts, type Range } from "./public-parts.ts";
import { isChunk, sealedParts } from "./sealed-parts.ts";
import { searchJson } from "./search-json.ts";
import { searchYaml } from "./search-yaml.ts";
import { patterns } from "./token-patterns.ts";
import { inside } from "./where.ts";
import { mayBeYaml } from "./yaml-outline.ts";

/** What is searched for, and what is left alone. */
export interface SearchOptions {
  /** Whether strings that look random are findings. */
  readonly entropy: boolean;
  /** Whether the data as a whole is known, and may be as it is: asked for each form that the data as a whole has. */
  readonly isKnown?: ((data: Uint8Array) => boolean) | undefined;
}

/** What came of a search. */
export interface Searched {
  readonly findings: readonly Finding[];
  readonly known: boolean;
}

/** One search, as its parts see it. */
export interface Search {
  add(kind: SecretKind, where: string): void;
  /** Searches a text that stands inside of another one. */
  text(text: string, where: string): void;
  /** Searches lines for what needs no structure. */
  lines(text: string, where: string, pathAt?: (line: number) => string): void;
}

/** Bytes of all layers together: the largest user data of any cloud, packed, comes to a fraction. */
const maxBytes = 4 * 1024 * 1024;
const maxLayers = 10_000;
const maxDepth = 12;
/** Enough to tell. */
const maxFindings = 50;

const shortestBase64 = 16;
const shortestRun = 24;
const runs = new RegExp(`[A-Za-z0-9+/_-]{${shortestRun},}={0,2}`, "g");
const base64Line = /^[ \t]*[A-Za-z0-9+/_-]{16,}={0,2}[ \t\r]*$/;
const base64End = /^[ \t]*[A-Za-z0-9+/_-]{2,}={0,2}[ \t\r]*$/;
const dataUrls = /data:[\w/+.-]{0,80}(?:;[\w.+-]{1,40}=[\w.+-]{1,80}){0,4}(;base64)?,([^\s"<>]+)/gi;
const opensshMagic = "openssh-key-v1\0";

/** What bytes turn out to be, with what is inside of them. */
type Meaning =
  | { readonly is: "private" | "public" | "unreadable" }
  | { readonly is: "packed"; readonly unpacked: Unpacked }
  | { readonly is: "text"; readonly text: string };

function meaningOf(bytes: Uint8Array, limit: number): Meaning | undefined {
  const unpacked = unpack(bytes, limit);
  if (unpacked !== undefined) return { is: "packed", unpacked };
  if (isUnreadable(bytes)) return { is: "unreadable" };
  const der = readDer(bytes);
  if (der !== undefined) return { is: der };
  if (Buffer.from(bytes.subarray(0, opensshMagic.length)).toString("latin1") === opensshMagic) return { is: "private" };
  if (isSshPublicKey(bytes)) return { is: "public" };
  const text = textOf(bytes);
  return text === undefined ? undefined : { is: "text", text };
}

/** Counts lines, for offsets that grow. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1;
  let at = 0;
  return (offset) => {
    if (offset < at) {
      line = 1;
      at = 0;
    }
    for (let next = text.indexOf("\n", at); next >= 0 && next < offset; next = text.indexOf("\n", at)) {
      line++;
      at = next + 1;
    }
    return line;
  };
}

/** Lines of base64 that belong together. */
interface Base64Block {
  readonly run: string;
  readonly to: number;
  /** The run without its short last line, which may be the word that ends a here-document. */
  readonly without: string | undefined;
}

/** The base64 that line `from` and the following are; `undefined` where they are none. */
function base64Block(lines: readonly string[], from: number): Base64Block | undefined {
  const join = (to: number) => lines.slice(from, to).join("").replace(/\s+/g, "");
  let to = from;
  while (to < lines.length && base64Line.test(lines[to] as string)) {
    to++;
    if (/=[ \t\r]*$/.test(lines[to - 1] as string)) return { run: join(to), to, without: undefined };
  }
  if (to === from) return undefined;
  if (to === lines.length || !base64End.test(lines[to] as string)) return { run: join(to), to, without: undefined };
  return { run: join(to + 1), to: to + 1, without: /=\s*$/.test(lines[to] as string) ? undefined : join(to) };
}

/** Whether bytes are something, and nothing of it is missing or too much. */
function isComplete(meaning: Meaning | undefined): boolean {
  if (meaning?.is !== "packed") return meaning !== undefined;
  return meaning.unpacked.whole && meaning.unpacked.rest.every((byte) => byte === 0);
}

function searchOnce(data: Uint8Array | string, options: SearchOptions, chunks: Set<string>): Searched {
  const findings = new Map<string, Finding>();
  let bytesLeft = maxBytes;
  let layersLeft = maxLayers;
  let depth = 0;
  let known = false;

  function add(kind: SecretKind, where: string): void {
    if (findings.size < maxFindings) findings.set(`${kind} ${where}`, { kind, where });
  }

  /** Goes one layer in, as far as anybody may go. */
  function enter(size: number, where: string, search: () => void): void {
    bytesLeft -= size;
    layersLeft--;
    if (bytesLeft < 0 || layersLeft < 0 || depth >= maxDepth) add("unreadable", where);
    else if (findings.size < maxFindings) {
      depth++;
      search();
      depth--;
    }
  }

  const isSealed = (bytes: Uint8Array) => chunks.size > 0 && isChunk(bytes) && chunks.has(sha256(bytes));

  function isKnown(bytes: Uint8Array): boolean {
    known = options.isKnown?.(bytes) ?? false;
    return known;
  }

  /** @param whole - Whether it is all of the data, in another form. */
  function searchBytes(bytes: Uint8Array, where: string, whole: boolean): void {
    if (isSealed(bytes) || (whole && isKnown(bytes))) return;
    const meaning = meaningOf(bytes, Math.max(bytesLeft, 1));
    if (meaning === undefined) add("unreadable", where);
    else searchMeaning(meaning, where, whole);
  }

  function searchMeaning(meaning: Meaning, where: string, whole: boolean): void {
    if (meaning.is === "private") add("private-key", where);
    else if (meaning.is === "unreadable") add("unreadable", where);
    else if (meaning.is === "text") searchText(meaning.text, where, whole);
    else if (meaning.is === "packed") searchUnpacked(meaning.unpacked, where, whole);
  }

  function searchUnpacked({ format, bytes, rest, ...unpacked }: Unpacked, where: string, whole: boolean): void {
    const into = inside(where, format);
    if (!unpacked.whole) add("unreadable", into);
    enter(bytes.length, into, () => searchBytes(bytes, into, whole));
    const start = rest.findIndex((byte) => byte !== 0); // what follows padding
    if (start >= 0) enter(rest.length, into, () => searchBytes(rest.subarray(start), into, false));
  }

  function searchText(text: string, where: string, whole: boolean): void {
    const bytes = text.length >= shortestBase64 ? fromBase64(text) : undefined;
    if (bytes !== undefined && (isSealed(bytes) || meaningOf(bytes, maxBytes) !== undefined)) {
      const into = inside(where, "base64");
      enter(bytes.length, into, () => searchBytes(bytes, into, whole));
      return;
    }
    const parts = partsOf(text);
    if (parts === undefined) searchStructure(text, where);
    else for (const part of parts) searchPart(part, where);
  }

  function searchPart(part: Part, where: string): void {
    const into = inside(where, part.name);
    if (part.name === "headers") {
      search.lines(part.text, into);
      return;
    }
    const body = decodeBody(part);
    enter(body.length, into, () => {
      if (typeof body === "string") searchText(body, into, false);
      else searchBytes(body, inside(into, part.encoding), false);
    });
  }

  function searchStructure(text: string, where: string): void {
    if (searchJson(text, where, search)) return;
    if (mayBeYaml(text)) searchYaml(text, where, search);
    else search.lines(text, where);
  }

  /** What looks random and is known to be sealed is read as far as it reads as something, and else left alone. */
  function searchOpaque(text: string, where: string): void {
    for (const [run] of text.matchAll(runs)) {
      if (isComplete(meaningOf(Buffer.from(run, "base64"), Math.max(bytesLeft, 1)))) searchRun(run, where);
    }
  }

  function searchRun(run: string, where: string): void {
    if (/^[0-9a-f-]+$/i.test(run)) return; // digests and UUIDs
    const bytes = Buffer.from(run, "base64");
    if (isSealed(bytes)) return;
    const meaning = meaningOf(bytes, Math.max(bytesLeft, 1));
    const into = inside(where, "base64");
    if (meaning !== undefined) enter(bytes.length, into, () => searchMeaning(meaning, into, false));
    else if (options.entropy && looksRandom(run)) add("high-entropy", where);
  }

  /** Which of two lengths a run has, where the last line may be no part of it. */
  function isBetter(shorter: string, longer: string): boolean {
    if (longer.length % 4 !== 0 && shorter.length % 4 === 0) return true;
    const reads = (run: string) => {
      const bytes = Buffer.from(run, "base64");
      return isSealed(bytes) || isComplete(meaningOf(bytes, maxBytes));
    };
    return !reads(longer) && reads(shorter);
  }

  function searchRuns(text: string, place: (line: number) => string): void {
    const lines = text.split("\n");
    for (let at = 0; at < lines.length; ) {
      const block = base64Block(lines, at);
      if (block !== undefined) {
        const shorter = block.without !== undefined && isBetter(block.without, block.run);
        searchRun(shorter ? (block.without as string) : block.run, place(at + 1));
        at = shorter ? block.to - 1 : block.to;
        continue;
      }
      for (const [run] of (lines[at] as string).matchAll(runs)) searchRun(run, place(at + 1));
      at++;
    }
  }

  /** @returns Where they stand. */
  function searchDataUrls(text: string, place: (offset: number) => string): Range[] {
    return [...text.matchAll(dataUrls)].map((found) => {
      const [url, encoding, body = ""] = found;
      const decoded = body.includes("%") ? percentDecoded(body) : body;
      if (encoding !== undefined) searchRun(decoded, place(found.index));
      else {
        const into = inside(place(found.index), "data URL");
        enter(decoded.length, into, () => searchText(decoded, into, false));
      }
      return [found.index, found.index + url.length];
    });
  }

  const search: Search = {
    add,
    text: (text, where) => enter(text.length, where, () => searchText(text, where, false)),
    lines(text, where, pathAt = () => "") {
      const lineOf = lineCounter(text);
      const hasLines = text.includes("\n");
      const placeOf = (line: number) => inside(inside(where, pathAt(line)), hasLines ? `line ${line}` : "");
      const place = (offset: number) => placeOf(lineOf(offset));
      for (const { kind, expression, holds } of patterns) {
        for (const found of text.matchAll(expression)) {
          if (holds?.(found, text) ?? true) add(kind, place(found.index));
        }
      }
      const sealed = sealedParts(text);
      if (sealed?.chunk !== undefined) chunks.add(sealed.chunk);
      const { opaque = [], tokens = [] } = sealed ?? {};
      for (const [from, to] of [...opaque, ...tokens]) searchOpaque(text.slice(from, to), place(from));
      const open = blanked(text, tokens);
      for (const { kind, index } of namedValues(open)) add(kind, place(index));
      const urls = searchDataUrls(open, place);
      searchRuns(blanked(open, [...urls, ...opaque, ...publicParts(open)]), placeOf);
    },
  };

  if (typeof data !== "string") enter(data.length, "", () => searchBytes(data, "", true));
  else if (!isKnown(Buffer.from(data))) enter(data.length, "", () => searchText(data, "", true));
  return { findings: known ? [] : [...findings.values()], known };
}

function percentDecoded(text: string): string {
  return Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    "latin1",
  ).toString("utf8");
}

/** Searches data in whatever it is packed. */
export function searchData(data: Uint8Array | string, options: SearchOptions): Searched {
  if (data.length === 0) return { findings: [], known: false };
  const chunks = new Set<string>();
  const first = searchOnce(data, options, chunks);
  // A chunk may stand before the manifest that says what it is.
  return chunks.size > 0 && first.findings.length > 0 ? searchOnce(data, options, chunks) : first;
}
