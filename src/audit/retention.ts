import { stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "../core/clock.ts";
import type { AuditRecord, NoticeRecord } from "../core/journal.ts";
import { syncDirectory } from "./directory.ts";
import type { JournalFeed } from "./feed.ts";
import { segmentName } from "./line.ts";
import { readHeader } from "./segment-header.ts";
import { listSegments } from "./segment-list.ts";
import { checkpointRow, numbersOf } from "./shipping/row.ts";

const dayMs = 86_400_000;
/** Longest pause between two looks, in milliseconds: clocks jump, and what was not delivered is some time. */
const longestPauseMs = 3_600_000;

/** How much of a journal is kept. The segment that is written is always kept. */
export interface KeepOptions {
  /** Segments that were closed longer ago are removed, in days. @defaultValue for ever */
  readonly days?: number | undefined;
  /** The oldest segments are removed while all together are larger, in bytes. @defaultValue any size */
  readonly bytes?: number | undefined;
}

/** What retention works on. */
export interface RetentionOptions {
  readonly feed: JournalFeed;
  readonly keep: KeepOptions;
  readonly clock: Clock;
  /** The last segment that may be removed. */
  readonly removableThrough: () => number;
  /** The last segment whose checkpoints may be removed. */
  readonly checkpointsThrough: () => number;
  /** Makes a record durable. */
  readonly record: (record: AuditRecord) => Promise<void>;
}

/** The event of the notice that names what retention removed. */
export const retentionEvent = "retention";

/** Removes the oldest segments of an open journal: now and then by itself, and when it is told. */
export interface Retention {
  /** Removes what may go, some time soon. What fails is tried again by the next run. */
  run(): void;
  /** Ends it, after the run that is under way. */
  close(): Promise<void>;
  /** Ends it, after the file that is being removed. */
  abandon(): void;
}

export function retention(options: RetentionOptions): Retention {
  const { clock } = options;
  let running: Promise<void> = Promise.resolve();
  let timer: Timer | undefined;
  let stopped = false;

  async function look(): Promise<void> {
    if (stopped) return;
    timer?.cancel();
    const dueInMs = await removeOldest(options, () => stopped).catch(() => undefined);
    if (!stopped) timer = clock.setTimeout(run, Math.min(dueInMs ?? longestPauseMs, longestPauseMs));
  }

  function run(): void {
    running = running.then(look);
  }

  function abandon(): void {
    stopped = true;
    timer?.cancel();
  }

  return {
    run,
    async close() {
      await running;
      abandon();
      await running; // one that a rotation began meanwhile
    },
    abandon,
  };
}

/** @returns Milliseconds until the oldest segment that is left is too old, where it is not yet. */
async function removeOldest(options: RetentionOptions, stopped: () => boolean): Promise<number | undefined> {
  const { feed, keep, clock, removableThrough, record } = options;
  const { directory } = feed;
  const found = await listSegments(directory);
  const paths = found.map((segment) => join(directory, segmentName(segment)));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const last = Math.min(removableThrough(), feed.position.segment - 1);
  let bytes = sizes.reduce((sum, size) => sum + size, 0);
  let removed: NoticeRecord["details"];
  let dueInMs: number | undefined;
  let count = 0;
  for (; (found[count] ?? Number.POSITIVE_INFINITY) <= last; count++) {
    const next = await readHeader(paths[count + 1] as string);
    if (next?.header.follows === undefined) break; // not for retention to judge
    if (keep.days !== undefined) dueInMs = next.header.createdAt + keep.days * dayMs - clock.now();
    const old = dueInMs !== undefined && dueInMs <= 0;
    if (!old && !(keep.bytes !== undefined && bytes > keep.bytes)) break;
    dueInMs = undefined;
    bytes -= sizes[count] as number;
    const { segment, seq, hash } = next.header.follows;
    removed = { from: found[0] as number, through: segment, seq, hash };
  }
  // First the record, then the removal, the oldest first: whatever a crash leaves is what a record names.
  if (removed !== undefined) await record({ type: "notice", at: clock.now(), event: retentionEvent, details: removed });
  const checkpoints = await spareCheckpoints(options, found[count] ?? 0);
  for (const path of [...paths.slice(0, count), ...checkpoints]) {
    if (stopped()) break;
    await unlink(path);
  }
  if (count + checkpoints.length > 0) await syncDirectory(directory);
  return dueInMs;
}

/**
 * Files of checkpoints in segments that are gone. Nothing is computed from them any more; the newest file
 * stays in any case, because the next process goes on from its last checkpoint.
 */
async function spareCheckpoints(
  { feed, checkpointsThrough }: RetentionOptions,
  firstSegment: number,
): Promise<readonly string[]> {
  const files = await numbersOf(checkpointRow, feed.directory);
  return files
    .slice(0, -1)
    .filter((number) => number < firstSegment && number <= checkpointsThrough())
    .map((number) => join(feed.directory, checkpointRow.nameOf(number)));
}
