import { stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { AuditRecord, NoticeRecord } from "../core/journal.ts";
import { syncDirectory } from "./directory.ts";
import type { JournalFeed } from "./feed.ts";
import { segmentName } from "./line.ts";
import { readHeader } from "./segment-header.ts";
import { listSegments } from "./segment-list.ts";

const dayMs = 86_400_000;

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
  /** Makes a record durable. */
  readonly record: (record: AuditRecord) => Promise<void>;
}

/** The event of the notice that names what retention removed. */
export const retentionEvent = "retention";

/** Removes the oldest segments of an open journal, one run at a time. */
export interface Retention {
  /** Removes what may go, some time soon. What fails is tried again by the next run. */
  run(): void;
  /** Resolves once no run is under way. */
  settled(): Promise<void>;
}

export function retention(options: RetentionOptions): Retention {
  let running: Promise<void> = Promise.resolve();
  return {
    run() {
      running = running.then(() => removeOldest(options)).catch(() => {});
    },
    settled: () => running,
  };
}

async function removeOldest({ feed, keep, clock, removableThrough, record }: RetentionOptions): Promise<void> {
  const { directory } = feed;
  const found = await listSegments(directory);
  const paths = found.map((segment) => join(directory, segmentName(segment)));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const last = Math.min(removableThrough(), feed.position.segment - 1);
  let bytes = sizes.reduce((sum, size) => sum + size, 0);
  let removed: NoticeRecord["details"];
  let count = 0;
  for (; (found[count] ?? Number.POSITIVE_INFINITY) <= last; count++) {
    const next = await readHeader(paths[count + 1] as string);
    if (next?.header.follows === undefined) break; // not for retention to judge
    const old = keep.days !== undefined && next.header.createdAt < clock.now() - keep.days * dayMs;
    if (!old && !(keep.bytes !== undefined && bytes > keep.bytes)) break;
    bytes -= sizes[count] as number;
    const { segment, seq, hash } = next.header.follows;
    removed = { from: found[0] as number, through: segment, seq, hash };
  }
  if (removed === undefined) return;
  // First the record, then the removal, the oldest first: whatever a crash leaves is what a record names.
  await record({ type: "notice", at: clock.now(), event: retentionEvent, details: removed });
  for (const path of paths.slice(0, count)) await unlink(path);
  await syncDirectory(directory);
}
