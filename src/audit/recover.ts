import { open } from "node:fs/promises";
import { join } from "node:path";
import { GuardError } from "../core/errors.ts";
import type { OpenIntent } from "../core/journal.ts";
import { scanJournal } from "./journal-scan.ts";
import { type JournalHead, segmentName } from "./line.ts";
import { OpenIntents } from "./open-intents.ts";
import { guarded } from "./unavailable.ts";

/** What an earlier process left in a directory. */
export interface Recovered {
  readonly segment: number;
  readonly path: string;
  /** Bytes of the last segment, after a torn last line was cut. */
  readonly size: number;
  /** Bytes of the last line, newline included. */
  readonly lastLine: number;
  readonly head: JournalHead;
  readonly unfinished: readonly OpenIntent[];
  /** Bytes of a last line that was written only in part, and is cut now. */
  readonly cutBytes: number;
}

/**
 * Reads a journal before it is written on: checks the whole chain, cuts a last line that a crash left
 * unfinished, and collects the intents without a clear outcome. Only the directory's one writer may call it.
 *
 * @param since - Unix milliseconds; older intents are not collected.
 * @returns `undefined` where there is no journal yet.
 * @throws {@link GuardError} `ERR_AUDIT_CORRUPT` for anything else that is broken; nothing was changed then.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a file cannot be read or cut, or has a newer format.
 */
export async function recoverJournal(directory: string, since: number): Promise<Recovered | undefined> {
  const intents = new OpenIntents(since);
  const scan = await scanJournal(directory, { record: (line) => void intents.see(line) });
  if (scan.segments === 0) return undefined;
  const { problem, head, end, size, lastLine, torn } = scan;
  if (problem !== undefined && !torn) {
    const at = `segment ${problem.segment}, seq ${problem.seq}, byte ${problem.offset}`;
    throw new GuardError(
      "ERR_AUDIT_CORRUPT",
      `audit journal ${directory}: ${at}: expected ${problem.expected}, got ${problem.actual}. ${problem.what} Nothing was changed: keep the directory as evidence, and start a new one`,
    );
  }
  const path = join(directory, segmentName(scan.segments));
  const cutBytes = size - end;
  if (cutBytes > 0) await cut(path, end);
  return { segment: scan.segments, path, size: end, lastLine, head, unfinished: intents.list(), cutBytes };
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
