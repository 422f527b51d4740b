import type { JournalContext } from "../core/journal.ts";
import type { FollowingHandle } from "./feed.ts";
import type { FileJournalSettings } from "./file-journal-options.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { retention } from "./retention.ts";

/** What works beside an open journal: its followers, and retention. */
export interface Companions {
  /** Rejects with the first failure, once all have been closed. */
  close(): Promise<void>;
}

/** @throws Whatever a follower's `start` throws, once those that were started before it have been closed. */
export async function startCompanions(
  { followers, keep }: FileJournalSettings,
  writer: JournalWriter,
  commit: GroupCommit,
  context: JournalContext,
): Promise<Companions> {
  const { feed } = writer;
  const handles: FollowingHandle[] = [];

  async function closeAll(): Promise<void> {
    const ends = await Promise.allSettled(handles.map(async (handle) => handle.close()));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  try {
    for (const follower of followers) {
      handles.push(follower.start(feed, { enqueue: (record) => commit.enqueue(record) }, context));
    }
  } catch (error) {
    await closeAll().catch(() => {});
    throw error;
  }
  if (keep === undefined) return { close: closeAll };

  const { run, settled } = retention({
    feed,
    keep,
    clock: context.clock,
    removableThrough: () => Math.min(...handles.map((handle) => handle.shippedThrough?.() ?? Number.POSITIVE_INFINITY)),
    async record(record) {
      commit.enqueue(record);
      await commit.flush();
    },
  });
  writer.onRotation(run);
  run();
  return { close: () => settled().then(closeAll) };
}
