import { hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { JournalFeed } from "../feed.ts";
import { maxLineBytes } from "../line.ts";
import { guarded } from "../unavailable.ts";
import type { Place } from "./cursor-file.ts";
import { numbersOf, type Row } from "./row.ts";
import type { ShippedObject } from "./sink.ts";

/** What comes after a place in a row of files. */
export type Next =
  | {
      readonly kind: "part";
      readonly object: ShippedObject;
      /** Where the sink is once it has the bytes. */
      readonly after: Place;
    }
  /** Nothing durable is left to ship. */
  | { readonly kind: "nothing" }
  /** The file is shipped whole, or is gone; the row goes on with this one. */
  | { readonly kind: "file"; readonly segment: number; readonly gone: boolean }
  /** The file is no longer what was shipped of it. */
  | { readonly kind: "diverged"; readonly reason: string };

const diverged = (reason: string): Next => ({ kind: "diverged", reason });

/** Reads what comes after a place: whole lines, about `maxBytes` of them, and what was planned as it was planned. */
export async function nextPart(feed: JournalFeed, row: Row, at: Place, maxBytes: number): Promise<Next> {
  const { directory, chain } = feed;
  const file = row.nameOf(at.segment);
  const path = join(directory, file);
  const handle = await guarded(path, () =>
    open(path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }),
  );
  if (handle === undefined) return following(true);
  try {
    return await guarded(path, () => read(handle));
  } finally {
    await handle.close();
  }

  async function following(gone: boolean): Promise<Next> {
    const numbers = await numbersOf(row, directory);
    const segment = numbers.find((number) => number > at.segment);
    if (segment !== undefined) return { kind: "file", segment, gone };
    return gone && row.chained ? diverged("the journal ends before what was shipped of it") : { kind: "nothing" };
  }

  async function read(source: FileHandle): Promise<Next> {
    const written = row.written(); // before the size: both grow
    const { size } = await source.stat();
    const grows = written !== undefined && at.segment >= written.segment;
    const end = grows ? written.offset : size;
    if (end > size || at.offset > end || (at.sending ?? 0) > end) return diverged("the file is shorter than it was");
    if (at.offset === end) return grows ? { kind: "nothing" } : following(false);
    // What leaves must still be here after a power failure, or what is written next would not follow it.
    if (written === undefined) await source.datasync();
    const most = at.sending === undefined ? maxBytes : Number.POSITIVE_INFINITY;
    const bytes = await readLines(source, at.offset, at.sending ?? end, most);
    if (bytes === undefined) return row.chained ? diverged("the file does not end with a line") : { kind: "nothing" };
    const after = { segment: at.segment, offset: at.offset + bytes.length };
    if (after.offset < (at.sending ?? 0)) return diverged("the lines are others than were sent");
    const object = objectOf(chain, file, at.offset, bytes);
    if (!row.chained) return { kind: "part", object, after };
    if (!continues(bytes, at.hash)) return diverged("the next line does not follow what was shipped");
    return { kind: "part", object, after: { ...after, hash: lastHash(bytes) } };
  }
}

const digits = (offset: number): string => String(offset).padStart(12, "0");

function objectOf(chain: string, file: string, offset: number, bytes: Buffer): ShippedObject {
  const name = `${chain}/${file}/${digits(offset)}-${digits(offset + bytes.length)}`;
  return { name, chain, file, offset, bytes, sha256: hash("sha256", bytes, "base64") };
}

function continues(bytes: Buffer, hash: string | undefined): boolean {
  const prev = /^\{"seq":\d{1,16},"prev":"([\w-]{43})"/.exec(bytes.toString("latin1", 0, 128))?.[1];
  return prev !== undefined && (hash === undefined || hash === prev);
}

function lastHash(lines: Buffer): string {
  const last = lines.subarray(lines.lastIndexOf(10, -2) + 1, -1);
  return hash("sha256", Buffer.concat([Buffer.alloc(1), last]), "base64url");
}

/** @returns Whole lines from `start` on: all up to `end`, or as many as fit but at least one; `undefined` if there is none. */
async function readLines(file: FileHandle, start: number, end: number, most: number): Promise<Buffer | undefined> {
  for (let length = Math.min(end - start, most); ; length = Math.min(end - start, length * 2)) {
    const buffer = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, start + filled);
      if (bytesRead === 0) return undefined;
      filled += bytesRead;
    }
    const lines = buffer.lastIndexOf(10) + 1;
    if (lines > 0) return buffer.subarray(0, lines);
    if (length === end - start || length > maxLineBytes) return undefined;
  }
}
