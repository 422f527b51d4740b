import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { GuardError } from "../../core/errors.ts";
import type { JournalPosition } from "../feed.ts";
import { emptyChain, hashLine, linePrefix, maxLineBytes, segmentName } from "../line.ts";
import { guarded } from "../unavailable.ts";

/** A line's place: a position after it, and the line's own bytes. */
export interface LinePlace extends JournalPosition {
  /** Bytes of the line, newline included. */
  readonly lineBytes: number;
}

/** Before the first line. */
export const journalStart: LinePlace = { ...emptyChain, segment: 1, offset: 0, lineBytes: 0 };

/** Sees each line. The bytes, without the newline, are valid during the call alone. */
type LeafVisitor = (place: LinePlace, line: Buffer) => void;

// Small: what is hashed between two reads holds up the calls of this process.
const chunkBytes = 128 * 1024;

const inconsistent = (segment: number, seq: number, offset: number, why: string) =>
  new GuardError(
    "ERR_CHECKPOINT_INCONSISTENT",
    `audit journal: segment ${segment}, seq ${seq}, byte ${offset}: ${why}. Verify the journal, and keep it as evidence`,
  );

/**
 * Reads lines that are durable, from a known place on, in constant memory, and checks that they are one chain.
 *
 * @param until - Number of the last line to read; it must be durable.
 * @throws {@link GuardError} `ERR_CHECKPOINT_INCONSISTENT` where the chain breaks or ends before `until`.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a segment cannot be read.
 * @throws `signal.reason` when aborted.
 */
export async function readLeaves(
  directory: string,
  from: LinePlace,
  until: number,
  visit: LeafVisitor,
  signal?: AbortSignal,
): Promise<void> {
  let last = from;
  const remember: LeafVisitor = (place, line) => {
    visit(place, line);
    last = place;
  };
  for (let { segment, offset } = from; last.seq < until; segment++, offset = 0) {
    const path = join(directory, segmentName(segment));
    const before = last.seq;
    const handle = await guarded(path, () => open(path, "r"));
    try {
      await readSegment(handle, { ...last, segment, offset }, until, remember, path, signal);
    } finally {
      await handle.close();
    }
    if (last.seq === before && offset === 0) throw inconsistent(segment, before + 1, 0, "the segment is empty");
  }
}

async function readSegment(
  handle: FileHandle,
  from: LinePlace,
  until: number,
  visit: LeafVisitor,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { segment } = from;
  let { seq, hash, offset } = from;
  // Byte 0 stays free for the zero that is hashed in front of the first line.
  let buffer = Buffer.allocUnsafe(chunkBytes + 1);
  let filled = 1;
  while (seq < until) {
    signal?.throwIfAborted();
    if (filled === buffer.length) {
      if (filled > maxLineBytes) throw inconsistent(segment, seq + 1, offset, "the line is too long");
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
    const at = filled;
    const { bytesRead } = await guarded(path, () => handle.read(buffer, at, buffer.length - at, offset + at - 1));
    if (bytesRead === 0) {
      if (filled > 1) throw inconsistent(segment, seq + 1, offset, "the line has no end");
      return;
    }
    filled += bytesRead;
    let start = 1;
    for (let end = buffer.indexOf(10, at); end !== -1 && end < filled && seq < until; end = buffer.indexOf(10, start)) {
      const prefix = linePrefix(seq + 1, hash);
      if (buffer.toString("latin1", start, Math.min(end, start + prefix.length)) !== prefix) {
        throw inconsistent(segment, seq + 1, offset, `the line does not continue the chain that ends in ${hash}`);
      }
      hash = hashLine(buffer, start, end);
      seq++;
      const lineBytes = end + 1 - start;
      offset += lineBytes;
      visit({ segment, offset, seq, hash, lineBytes }, buffer.subarray(start, end));
      start = end + 1;
    }
    buffer.copy(buffer, 1, start, filled);
    filled -= start - 1;
  }
}

/**
 * The hash of the line that ends at a place, as the file holds it now.
 * @returns `undefined` if there is no such line.
 */
export async function hashAt(
  directory: string,
  { segment, offset, lineBytes }: LinePlace,
): Promise<string | undefined> {
  if (lineBytes < 1 || lineBytes > maxLineBytes || offset < lineBytes) return undefined;
  const path = join(directory, segmentName(segment));
  const handle = await guarded(path, () => open(path, "r"));
  try {
    const buffer = Buffer.alloc(lineBytes + 1);
    const { bytesRead } = await guarded(path, () => handle.read(buffer, 1, lineBytes, offset - lineBytes));
    return bytesRead === lineBytes && buffer[lineBytes] === 10 ? hashLine(buffer, 1, lineBytes) : undefined;
  } finally {
    await handle.close();
  }
}
