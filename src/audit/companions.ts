import type { JournalContext } from "../core/journal.ts";
import type { FollowingHandle } from "./feed.ts";
import type { FileJournalSettings } from "./file-journal-options.ts";
import type { GroupCommit } from "./group-commit.ts";
import { rotateWhenIdle } from "./idle-rotation.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { type Retention, retention } from "./retention.ts";

/** What works beside an open journal: its followers, retention, and the rotation of one that is idle. */
export interface Companions {
  /** Rejects with the first failure, once all have been closed. */
  close(): Promise<void>;
  /** Stops all at once. @returns What ends once none of them is writing any more. */
  abandon(): readonly Promise<unknown>[];
}

/** @throws Whatever a follower's `start` throws, once those that were started before it have been closed. */
export async function startCompanions(
  { followers, keep, segmentAgeMs }: FileJournalSettings,
  writer: JournalWriter,
  commit: GroupCommit,
  context: JournalContext,
): Promise<Companions> {
  const handles: FollowingHandle[] = [];

  /** First those who make what others deliver, then those others; neither waits for its equals. */
  async function closeAll(): Promise<void> {
    const close = (some: readonly FollowingHandle[]) => Promise.allSettled(some.map(async (each) => each.close()));
    const first = await close(handles.filter(({ produces }) => produces === true));
    await commit.flush().catch(() => {}); // what they recorded at last is delivered, too
    const last = await close(handles.filter(({ produces }) => produces !== true));
    const failed = [...first, ...last].find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  try {
    for (const follower of followers) {
      handles.push(follower.start(writer.feed, { enqueue: (record) => commit.enqueue(record) }, context));
    }
  } catch (error) {
    await closeAll().catch(() => {});
    throw error;
  }

  const rotateNoMore = rotateWhenIdle(writer, commit, context.clock, segmentAgeMs);
  const removals = keep === undefined ? undefined : startRetention(keep, handles, writer, commit, context);
  return {
    async close() {
      rotateNoMore();
      await removals?.close();
      await closeAll();
    },
    abandon() {
      rotateNoMore();
      removals?.abandon();
      return handles.flatMap((handle) => handle.abandon?.() ?? []);
    },
  };
}

function startRetention(
  keep: NonNullable<FileJournalSettings["keep"]>,
  handles: readonly FollowingHandle[],
  writer: JournalWriter,
  commit: GroupCommit,
  { clock }: JournalContext,
): Retention {
  const through = (read: (handle: FollowingHandle) => number | undefined) => () =>
    Math.min(...handles.map((handle) => read(handle) ?? Number.POSITIVE_INFINITY));
  const started = retention({
    feed: writer.feed,
    keep,
    clock,
    removableThrough: through((handle) => handle.shippedThrough?.()),
    checkpointsThrough: through((handle) => handle.checkpointsThrough?.()),
    record: (record) =>
      writer.aside(() => {
        commit.enqueue(record);
        return commit.flush();
      }),
  });
  writer.onRotation(started.run);
  started.run();
  return started;
}
