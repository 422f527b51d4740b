/** Waiting for what becomes so by itself, bounded in time. */
import { setTimeout as sleep } from "node:timers/promises";

/** Ends the run for a reason that its message says: nobody needs the stack. */
export class Complaint extends Error {}

export interface WaitOptions<T> {
  /** What is waited for, in words that go on after "waited N s for". */
  readonly what: string;
  readonly isSo: (seen: T) => boolean;
  /** Hears of each look. */
  readonly onLook?: (seen: T) => void;
  readonly signal: AbortSignal;
  /** @defaultValue 240,000 */
  readonly withinMs?: number;
  /** Between two looks. @defaultValue 300 */
  readonly everyMs?: number;
}

/**
 * Looks until it is so, and returns what was seen then.
 *
 * @throws {@link Complaint} with what was seen last.
 */
export async function until<T>(look: () => Promise<T> | T, options: WaitOptions<T>): Promise<T> {
  const { what, isSo, onLook, signal, withinMs = 240_000, everyMs = 300 } = options;
  const endsAt = performance.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    const seen = await look();
    onLook?.(seen);
    if (isSo(seen)) return seen;
    if (performance.now() > endsAt) {
      throw new Complaint(`waited ${withinMs / 1000} s for ${what}; seen last: ${JSON.stringify(seen).slice(0, 500)}`);
    }
    await sleep(everyMs, undefined, { signal });
  }
}
