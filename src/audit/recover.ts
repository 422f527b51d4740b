import { open } from "node:fs/promises";
import { join } from "node:path";
import { GuardError } from "../core/errors.ts";
import { scanJournal } from "./journal-scan.ts";
import { hashLine, type JournalHead, segmentName } from "./line.ts";
import { OpenIntents } from "./open-intents.ts";
import type { JournalProblem } from "./problem.ts";
import { readHeader } from "./segment-header.ts";
import { listSegments, missing, missingAmong } from "./segment-list.ts";
import type { StoredLine } from "./stored-line.ts";
import { guarded } from "./unavailable.ts";

/** What an earlier process left in a directory. */
export interface Recovered {
  readonly chain: string;
  /** The newest segment. */
  readonly segment: number;
  readonly path: string;
  /** Unix milliseconds, by its header. */
  readonly createdAt: number;
  /** Bytes of the segment, after a torn last line was cut. */
  readonly size: number;
  /** Bytes of the last line, newline included. */
  readonly lastLine: number;
  readonly head: JournalHead;
  /** Bytes of the intents that it took over. */
  readonly carriedBytes: number;
  /** Whether the segment is closed, and the process died before it made the next one. */
  readonly closed: boolean;
  /** The intents without a clear outcome. */
  readonly intents: OpenIntents;
  /** Bytes of a last line that was written only in part, and is cut now. */
  readonly cutBytes: number;
}

/**
 * Reads what is needed of a journal before it is written on, which does not grow with the journal: the
 * newest segment, with the open intents that it took over, and the end of the one before. Cuts a last
 * line that a crash left unfinished. Only the directory's one writer may call it.
 *
 * @returns `undefined` where there is no journal yet.
 * @throws {@link GuardError} `ERR_AUDIT_CORRUPT` for anything else that is broken; nothing was changed then.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a file cannot be read or cut, or has a newer format.
 */
export async function recoverJournal(directory: string): Promise<Recovered | undefined> {
  const found = await listSegments(directory);
  const segment = found.at(-1);
  if (segment === undefined) return undefined;
  const gap = missingAmong(found);
  if (gap !== undefined) throw corrupt(directory, { ...missing(gap, segmentName(segment)), seq: 0 });
  const intents = new OpenIntents();
  let carriedBytes = 0;
  const record = (line: StoredLine) => {
    intents.see(line);
    if (line.type === "open") carriedBytes += Buffer.byteLength(line.text);
    return undefined;
  };
  const scan = await scanJournal(directory, { record }, { from: "newest" });
  if (scan.problem !== undefined && scan.gap === undefined) throw corrupt(directory, scan.problem);
  if (found.length > 1) await checkEnd(directory, segment - 1, scan.before);
  const path = join(directory, segmentName(segment));
  const header = (await readHeader(path))?.header;
  if (header === undefined) throw corrupt(directory, missing(segment, "a file without a header"));
  const { head, end, size, lastLine, closed } = scan;
  const cutBytes = size - end;
  if (cutBytes > 0) await cut(path, end);
  const { chain, createdAt } = header;
  return { chain, segment, path, createdAt, size: end, lastLine, head, carriedBytes, closed, intents, cutBytes };
}

/** The line that closes a segment is much shorter. */
const tailBytes = 4096;

/** Checks that a segment ends in the line that the next one's header names. */
async function checkEnd(directory: string, segment: number, head: JournalHead): Promise<void> {
  const path = join(directory, segmentName(segment));
  const { tail, size } = await guarded(path, async () => {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, tailBytes);
      const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      return { tail: buffer, size };
    } finally {
      await handle.close();
    }
  });
  const newline = tail.lastIndexOf(10, tail.length - 2);
  if (tail.at(-1) === 10 && newline !== -1 && hashLine(tail, newline + 1, tail.length - 1) === head.hash) return;
  throw corrupt(directory, {
    segment,
    seq: head.seq,
    offset: size - tail.length + newline + 1,
    expected: `a last line with hash ${head.hash}`,
    actual: "another one",
    what: "Segment and following segment do not belong together.",
  });
}

function corrupt(directory: string, problem: Omit<JournalProblem, "seq"> & { readonly seq?: number }): GuardError {
  const { segment, seq, offset, expected, actual, what } = problem;
  const at = `segment ${segment}${seq === undefined ? "" : `, seq ${seq}`}, byte ${offset}`;
  return new GuardError(
    "ERR_AUDIT_CORRUPT",
    `audit journal ${directory}: ${at}: expected ${expected}, got ${actual}. ${what} Nothing was changed: keep the directory as evidence, and start a new one`,
  );
}

async function cut(path: string, end: number): Promise<void> {
  await guarded(path, async () => {
    const handle = await open(path, "r+");
    try {
      await handle.truncate(end);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}
