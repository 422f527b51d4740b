import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { hashAt, type LinePlace } from "../audit/checkpoint/leaf-reader.ts";
import { emptyChain, hashLine, linePrefix, maxLineBytes, segmentName } from "../audit/line.ts";
import { checkHeader, readHeader } from "../audit/segment-header.ts";
import { listSegments } from "../audit/segment-list.ts";
import { guarded } from "../audit/unavailable.ts";
import { fieldsOf, parseJson } from "./fields.ts";

/** A line, with what can be told of it without parsing all of it. */
export interface TailLine {
  readonly text: string;
  readonly type: string;
  readonly call?: string | undefined;
  /** Unix milliseconds. */
  readonly at?: number | undefined;
}

const beginning = /"type":"(\w+)"(?:,"call":"([\w.-]+)")?,"at":(\d+)[,}]/y;

/** @returns `undefined` if the line is no JSON object. */
function lineOf(text: string, from: number): TailLine | undefined {
  beginning.lastIndex = from;
  const [, known, id, time] = beginning.exec(text) ?? [];
  if (known !== undefined) return { text, type: known, call: id, at: Number(time) };
  const { type, call, at } = fieldsOf(parseJson(text));
  if (typeof type !== "string") return undefined;
  const called = typeof call === "string" ? call : undefined;
  return { text, type, call: called, at: typeof at === "number" ? at : undefined };
}

/** Sees each line, and where it begins: the end of the one before. */
export type TailVisitor = (line: TailLine, before: LinePlace) => void;

/** How far a journal was read. */
export interface TailRead {
  /** `lost`: what was read last is no longer there; `broken`: what follows does not continue the chain. */
  readonly end: "tip" | "empty" | "lost" | "broken";
  /** After the last line that continues the chain; `undefined` where nothing was read. */
  readonly place: LinePlace | undefined;
  /** The first segment of a reading from the beginning; 0 where it went on. */
  readonly first: number;
}

const chunkBytes = 256 * 1024;

/**
 * Reads a journal on from where it was read to before, while somebody else writes it: whole lines that
 * continue the chain, in memory bounded by the longest. A last line without an end is left for the next time.
 *
 * @param from - The place to go on from. @defaultValue the oldest segment that is there
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a file cannot be read or has a newer format.
 * @throws `signal.reason` when aborted; what `visit` throws.
 */
export async function readTail(
  directory: string,
  from: LinePlace | undefined,
  visit: TailVisitor,
  signal: AbortSignal | undefined,
): Promise<TailRead> {
  const found = await listSegments(directory); // a segment that comes later is for the next time
  let [segment = 0] = found;
  const first = from === undefined ? segment : 0;
  if (segment === 0) return { end: from === undefined ? "empty" : "lost", place: from, first };
  let place: LinePlace;
  if (from === undefined) {
    const before = segment === 1 ? undefined : (await readHeader(join(directory, segmentName(segment))))?.before;
    place = { ...(before ?? emptyChain), segment, offset: 0, lineBytes: 0 };
  } else if (found.includes(from.segment)) {
    if ((await hashAt(directory, from)) !== from.hash) return { end: "lost", place: from, first };
    place = from;
    segment = from.segment;
  } else {
    segment = from.segment + 1; // all of the one before may have been read, and then removed
    if (!found.includes(segment)) return { end: "lost", place: from, first };
    place = { ...from, segment, offset: 0 };
  }
  for (;;) {
    const more = found.includes(segment + 1);
    const read = await readSegment(directory, place, visit, signal);
    if (read.place.offset > 0) place = read.place;
    else if (from !== undefined && from.segment < segment && !found.includes(from.segment)) {
      return { end: "lost", place: from, first };
    }
    if (read.broken || (more && read.rest > 0)) return { end: "broken", place, first };
    if (!more) return { end: (found.at(-1) ?? 0) > segment ? "broken" : "tip", place, first };
    segment++;
    place = { ...place, segment, offset: 0 };
  }
}

interface SegmentRead {
  readonly place: LinePlace;
  /** Bytes of a line without an end. */
  readonly rest: number;
  readonly broken: boolean;
}

async function readSegment(
  directory: string,
  from: LinePlace,
  visit: TailVisitor,
  signal: AbortSignal | undefined,
): Promise<SegmentRead> {
  const path = join(directory, segmentName(from.segment));
  const handle = await guarded(path, () => open(path, "r"));
  try {
    return await readLines(handle, path, from, visit, signal);
  } finally {
    await handle.close();
  }
}

async function readLines(
  handle: FileHandle,
  path: string,
  from: LinePlace,
  visit: TailVisitor,
  signal: AbortSignal | undefined,
): Promise<SegmentRead> {
  const { segment } = from;
  let place = from;
  // Byte 0 stays free for the zero that is hashed in front of the first line.
  let buffer = Buffer.allocUnsafe(chunkBytes + 1);
  let filled = 1;
  for (;;) {
    signal?.throwIfAborted();
    if (filled === buffer.length) {
      if (filled > maxLineBytes) return { place, rest: filled - 1, broken: true };
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
    const at = filled;
    const read = () => handle.read(buffer, at, buffer.length - at, place.offset + at - 1);
    const { bytesRead } = await guarded(path, read);
    if (bytesRead === 0) return { place, rest: filled - 1, broken: false };
    filled += bytesRead;
    let start = 1;
    for (let end = buffer.indexOf(10, at); end !== -1 && end < filled; end = buffer.indexOf(10, start)) {
      const text = buffer.toString("utf8", start, end);
      const head = { seq: place.seq, hash: place.hash };
      const foreign = place.offset === 0 && checkHeader(text, { path, segment, head, chain: undefined }) !== undefined;
      const prefix = linePrefix(place.seq + 1, place.hash);
      const line = foreign || !text.startsWith(prefix) ? undefined : lineOf(text, prefix.length);
      if (line === undefined) return { place, rest: filled - start, broken: true };
      visit(line, place);
      const lineBytes = end + 1 - start;
      const hash = hashLine(buffer, start, end);
      place = { segment, offset: place.offset + lineBytes, seq: place.seq + 1, hash, lineBytes };
      start = end + 1;
    }
    buffer.copy(buffer, 1, start, filled);
    filled -= start - 1;
  }
}
