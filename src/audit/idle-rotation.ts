import type { Clock } from "../core/clock.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { JournalWriter } from "./journal-writer.ts";

/** Shortest pause between two looks, and pause after a rotation that failed, in milliseconds. */
const shortestMs = 1_000;
const retryMs = 60_000;

/**
 * Closes segments that grow old while nobody records anything. One that holds nothing but what it began
 * with stays, so that an idle journal does not grow.
 *
 * @returns Ends it.
 */
export function rotateWhenIdle(
  writer: Pick<JournalWriter, "wantsRotation" | "oldInMs">,
  commit: Pick<GroupCommit, "flush">,
  clock: Clock,
  segmentAgeMs: number,
): () => void {
  let ended = false;
  let timer = clock.setTimeout(look, Math.max(shortestMs, writer.oldInMs));

  async function look(): Promise<void> {
    if (writer.wantsRotation) await commit.flush().catch(() => {}); // a flush rotates where that is due
    if (ended) return;
    const { wantsRotation, oldInMs } = writer;
    // A record in an old and empty segment makes it young again, by no more than its age.
    const pauseMs = wantsRotation ? retryMs : oldInMs > 0 ? oldInMs : segmentAgeMs;
    timer = clock.setTimeout(look, Math.max(shortestMs, pauseMs));
  }

  return () => {
    ended = true;
    timer.cancel();
  };
}
