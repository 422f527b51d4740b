import type { Clock } from "../core/clock.ts";

/**
 * Waits for something that never rejects, unless the signal aborts first.
 * @throws `signal.reason` when the signal aborts.
 */
export function abortable(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

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
