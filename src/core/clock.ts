import { onAbort } from "./abort.ts";

/** A timer that can be cancelled; it never keeps the process alive. */
export interface Timer {
  cancel(): void;
}

/** Where the library gets time from. Inject another one in tests. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary origin. Never goes back: limits are measured with it. */
  monotonic(): number;
  /** Runs `callback` once after `delayMs` milliseconds, without keeping the process alive. */
  setTimeout(callback: () => void, delayMs: number): Timer;
}

/** Where the library gets randomness from: numbers in `[0, 1)`. */
export type Random = () => number;

const longestTimerMs = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(callback, delayMs) {
    const handle = setTimeout(callback, Math.min(Math.max(0, delayMs), longestTimerMs));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Waits on a clock, unless the signal aborts first.
 *
 * @param clock - The clock to wait on.
 * @param delayMs - Milliseconds.
 * @param signal - Ends the wait at once; the timer is cancelled.
 * @throws `signal.reason` when the signal aborts.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const listenNoMore = onAbort(signal, () => {
      timer.cancel();
      reject(signal?.reason);
    });
    const timer = clock.setTimeout(() => {
      listenNoMore();
      resolve();
    }, delayMs);
  });
}
