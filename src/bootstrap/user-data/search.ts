import { sha256 } from "../chunks.ts";
import { fromBase64, type Unpacked } from "./decode.ts";
import type { Finding, SecretKind } from "./finding.ts";
import { type Meaning, meaningOf } from "./meaning.ts";
import { decodeBody, type Part, partsOf } from "./mime.ts";
import { isChunk } from "./sealed-parts.ts";
import { searchJson } from "./search-json.ts";
import { searchLines } from "./search-lines.ts";
import { searchYaml } from "./search-yaml.ts";
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
  readonly entropy: boolean;
  /** SHA-256 of first chunks that a signed manifest names; found on the way. */
  readonly chunks: Set<string>;
  add(kind: SecretKind, where: string): void;
  /** Whether bytes are one of those chunks. */
  isSealed(bytes: Uint8Array): boolean;
  /** What bytes are, unpacked as far as there is room left. */
  meaningOf(bytes: Uint8Array): Meaning | undefined;
  /** Searches bytes that stand inside of a text, by what they are. */
  decoded(bytes: Uint8Array, meaning: Meaning, where: string): void;
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
    const meaning = search.meaningOf(bytes);
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

  const search: Search = {
    entropy: options.entropy,
    chunks,
    add,
    isSealed,
    meaningOf: (bytes) => meaningOf(bytes, Math.max(bytesLeft, 1)),
    text: (text, where) => enter(text.length, where, () => searchText(text, where, false)),
    decoded: (bytes, meaning, where) => enter(bytes.length, where, () => searchMeaning(meaning, where, false)),
    lines: (text, where, pathAt = () => "") => searchLines(text, where, pathAt, search),
  };

  if (typeof data !== "string") enter(data.length, "", () => searchBytes(data, "", true));
  else if (!isKnown(Buffer.from(data))) enter(data.length, "", () => searchText(data, "", true));
  return { findings: known ? [] : [...findings.values()], known };
}

/** Searches data in whatever it is packed. */
export function searchData(data: Uint8Array | string, options: SearchOptions): Searched {
  if (data.length === 0) return { findings: [], known: false };
  const chunks = new Set<string>();
  const first = searchOnce(data, options, chunks);
  // A chunk may stand before the manifest that says what it is.
  return chunks.size > 0 && first.findings.length > 0 ? searchOnce(data, options, chunks) : first;
}
