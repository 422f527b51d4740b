import { onAbort } from "../core/abort.ts";
import type { Waiter } from "./backlog.ts";

/**
 * Heeds the signals of those who wait for room. While the disk is healthy nobody's is listened to:
 * that wait is too short for it.
 */
export class Patience {
  readonly #listening = new Map<Waiter, () => void>();
  readonly #giveUp: (waiter: Waiter) => boolean;

  /** @param giveUp - Takes somebody's record back, unless it is being written: how that ends decides then. */
  constructor(giveUp: (waiter: Waiter) => boolean) {
    this.#giveUp = giveUp;
  }

  /** A write failed, and these go on waiting: whose signal has aborted, or aborts from now on, does not. */
  heed(waiters: readonly Waiter[]): void {
    for (const waiter of waiters) {
      const { signal } = waiter;
      if (signal === undefined) continue;
      const leave = () => {
        if (!this.#giveUp(waiter)) return;
        this.over(waiter);
        waiter.reject(signal.reason);
      };
      if (signal.aborted) leave();
      else if (!this.#listening.has(waiter)) this.#listening.set(waiter, onAbort(signal, leave));
    }
  }

  /** Somebody's wait is over. */
  over(waiter: Waiter): void {
    if (this.#listening.size === 0) return;
    this.#listening.get(waiter)?.();
    this.#listening.delete(waiter);
  }
}
