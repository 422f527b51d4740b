import type { Clock } from "../core/clock.ts";

/** Waits for something that never rejects, for so many milliseconds at most. */
export function atMost(work: Promise<void>, ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(resolve, ms);
    work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
