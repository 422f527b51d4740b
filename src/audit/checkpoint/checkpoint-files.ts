import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { GuardError } from "../../core/errors.ts";
import { createDurably } from "../directory.ts";
import { segmentName } from "../line.ts";
import { guarded } from "../unavailable.ts";
import { hashFromBase64, toBase64 } from "./base64.ts";
import type { TreeState } from "./journal-tree.ts";

/** A checkpoint as it is kept beside the segments. Only the note is signed; all else must lead to its root. */
export interface StoredCheckpoint extends TreeState {
  readonly note: string;
  /**
   * The trees before the segments that were begun since the checkpoint before: what is in a segment can
   * so be proven once retention has removed all that came before it.
   */
  readonly starts?: readonly TreeState[] | undefined;
}

const suffix = ".checkpoints.jsonl";
const tailBytes = 64 * 1024;
const newline = 10;

/** File of the checkpoints whose last line is in a segment: it can be shipped, and go, together with that. */
export const checkpointsName = (segment: number): string => segmentName(segment).replace(".jsonl", suffix);

const hash = z.string().transform((text, context) => {
  const bytes = hashFromBase64(text);
  if (bytes !== undefined) return bytes;
  context.addIssue("expected a hash in base64");
  return z.NEVER;
});
const count = z.int().min(0);
const tree = z.object({
  last: z.object({ segment: count, offset: count, seq: count, hash: z.string().length(43), lineBytes: count }),
  peaks: z.array(hash).max(64),
});
const schema = tree.extend({ note: z.string(), starts: z.array(tree).optional() });

const plain = ({ last, peaks }: TreeState) => ({ last, peaks: peaks.map(toBase64) });

function encode({ note, starts = [], ...state }: StoredCheckpoint): Buffer {
  const begun = starts.length === 0 ? {} : { starts: starts.map(plain) };
  return Buffer.from(`${JSON.stringify({ note, ...plain(state), ...begun })}\n`);
}

function decode(line: string): StoredCheckpoint | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Numbers of the segments that have a file of checkpoints, in order. */
async function checkpointFiles(directory: string): Promise<readonly number[]> {
  const names = await guarded(directory, () => readdir(directory));
  return names
    .flatMap((name) => (/^\d{8}\.checkpoints\.jsonl$/.test(name) ? Number(name.slice(0, 8)) : []))
    .sort((a, b) => a - b);
}

async function* readFile(directory: string, segment: number): AsyncGenerator<StoredCheckpoint> {
  const path = join(directory, checkpointsName(segment));
  let unread: number | undefined;
  let number = 0;
  const handle = await guarded(path, () => open(path, "r"));
  try {
    for await (const line of handle.readLines()) {
      number++;
      if (unread !== undefined) break;
      const stored = decode(line);
      if (stored === undefined) unread = number;
      else yield stored;
    }
  } finally {
    await handle.close();
  }
  // What a crash leaves is a last line that is not whole. Whatever has a newline was changed.
  if (unread === undefined || (unread === number && (await isTorn(path)))) return;
  throw new GuardError("ERR_AUDIT_CORRUPT", `audit journal ${path}: line ${unread} is no checkpoint: it was changed`);
}

/**
 * All checkpoints that are kept beside a journal, oldest first; a cosigned one follows the same without
 * cosignatures.
 *
 * @throws {@link GuardError} `ERR_AUDIT_CORRUPT` for a line that is no checkpoint; not for a torn last one.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a file cannot be read.
 */
export async function* readCheckpoints(directory: string): AsyncGenerator<StoredCheckpoint> {
  for (const segment of await checkpointFiles(directory)) yield* readFile(directory, segment);
}

/**
 * The checkpoint over the most lines, but no more than `size`; of several over the same lines, the one that
 * was written last.
 */
export function newestCheckpointWithin(
  directory: string,
  size = Number.POSITIVE_INFINITY,
): Promise<StoredCheckpoint | undefined> {
  return newestWithin(directory, size, (stored) => [stored]);
}

/** As {@link newestCheckpointWithin}; it may also be the tree before a segment, which nobody signed. */
export function newestTreeWithin(directory: string, size: number): Promise<TreeState | undefined> {
  return newestWithin<TreeState>(directory, size, (stored) => [...(stored.starts ?? []), stored]);
}

async function newestWithin<T extends TreeState>(
  directory: string,
  size: number,
  treesOf: (stored: StoredCheckpoint) => readonly T[],
): Promise<T | undefined> {
  // Later segments' checkpoints are over more lines.
  for (const segment of [...(await checkpointFiles(directory))].reverse()) {
    let newest: T | undefined;
    for await (const stored of readFile(directory, segment)) {
      for (const tree of treesOf(stored)) {
        if (tree.last.seq < size && tree.last.seq >= (newest?.last.seq ?? 0)) newest = tree;
      }
    }
    if (newest !== undefined) return newest;
  }
  return undefined;
}

/** Adds checkpoints to a directory, one after the other. */
export type CheckpointAppender = (stored: StoredCheckpoint) => Promise<void>;

/**
 * Makes what adds checkpoints durably to a directory; only the journal's one writer may have it. What an
 * earlier process or a full disk left unfinished at the end of a file is cut. It rejects with
 * `ERR_AUDIT_UNAVAILABLE` where a checkpoint may not be durable.
 */
export function checkpointAppender(directory: string): CheckpointAppender {
  let tail: Promise<unknown> = Promise.resolve();
  return (stored) => {
    const appended = tail.then(() => append(directory, stored));
    tail = appended.catch(() => {});
    return appended;
  };
}

async function append(directory: string, stored: StoredCheckpoint): Promise<void> {
  const name = checkpointsName(stored.last.segment);
  const path = join(directory, name);
  const line = encode(stored);
  const handle = await guarded(path, () =>
    open(path, "r+").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }),
  );
  if (handle === undefined) return createDurably(directory, name, line);
  try {
    await guarded(path, async () => {
      const { size } = await handle.stat();
      const end = await endOfLines(handle, size);
      if (end < size) await handle.truncate(end);
      const { bytesWritten } = await handle.write(line, 0, line.length, end);
      if (bytesWritten < line.length) throw Object.assign(new Error("written in part"), { code: "ENOSPC" });
      await handle.datasync();
    });
  } finally {
    await handle.close();
  }
}

/** Bytes up to the last newline. */
async function endOfLines(handle: FileHandle, size: number): Promise<number> {
  const tail = Buffer.alloc(tailBytes);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - tailBytes);
    const { bytesRead } = await handle.read(tail, 0, end - start, start);
    const at = tail.subarray(0, bytesRead).lastIndexOf(newline);
    if (at !== -1) return start + at + 1;
    end = start;
  }
  return 0;
}

async function isTorn(path: string): Promise<boolean> {
  const handle = await guarded(path, () => open(path, "r"));
  try {
    const { size } = await handle.stat();
    return (await endOfLines(handle, size)) < size;
  } finally {
    await handle.close();
  }
}
