import type { Clock } from "../../src/core/clock.ts";

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves time on, running due timers in order. */
  advance(ms: number): void;
  /** Sets the wall clock alone, as an administrator or NTP would. */
  jumpWall(ms: number): void;
  /** Sets both clocks without running timers, as a blocked event loop would. */
  block(ms: number): void;
  /** Timers that are pending. */
  readonly pending: number;
}

export function fakeClock(startAt = 1_800_000_000_000): FakeClock {
  let elapsed = 0;
  let wallOffset = startAt;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();

  return {
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    setTimeout(run, delayMs) {
      const timer = { at: elapsed + Math.max(0, delayMs), run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      const until = elapsed + ms;
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.at - b.at);
        if (next === undefined || next.at > until) break;
        timers.delete(next);
        elapsed = Math.max(elapsed, next.at);
        next.run();
      }
      elapsed = until;
    },
    jumpWall(ms) {
      wallOffset += ms;
    },
    block(ms) {
      elapsed += ms;
    },
    get pending() {
      return timers.size;
    },
  };
}

/** Lets everything that is already settled run on. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
