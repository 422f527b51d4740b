import { abortable } from "../core/abort.ts";
import { type Clock, type Random, sleep } from "../core/clock.ts";
import type { StateStore } from "../core/state-store.ts";
import type { Book, BookDocument } from "./book.ts";
import { advance, rejoin } from "./bookings.ts";

/** What every bucket of a guard works with. */
export interface Setting {
  readonly clock: Clock;
  readonly random: Random;
  readonly state: StateStore;
  readonly reservationMs: number;
}

/** One change of a document. */
export interface Wish<D> {
  step(doc: D, repeated: boolean): D;
  /** Whether it may have been written already. */
  repeated: boolean;
}

interface Attempt {
  readonly signal: AbortSignal;
  /** Whether a write is under way, which may or may not happen. */
  swapping: boolean;
}

const maxRounds = 100;
const eagerRounds = 4;
const longestPauseMs = 200;
const timeoutMs = 5_000;

/**
 * Makes the function that changes a bucket's document, by one compare-and-set for all wishes, bounded
 * in time whatever the store does. What is known of the document is put back where the store has lost
 * it. The function resolves to the document; where it rejects, each wish that may have been written is
 * marked as `repeated`.
 */
export function documentWriter<D extends BookDocument>(
  key: string,
  book: Book<D>,
  { clock, random, state }: Setting,
): (wishes: readonly Wish<D>[], known: D | undefined) => Promise<D> {
  let written = { text: "", doc: book.blank };

  /** What nobody else has changed need not be read again. */
  function parse(text: string): D {
    return text === written.text ? written.doc : book.parse(text);
  }

  async function swap(version: string | undefined, doc: D, signal: AbortSignal): Promise<boolean> {
    const ttlMs = book.ttlMs(doc);
    const options = ttlMs === undefined ? { signal } : { signal, ttlMs };
    const text = JSON.stringify({ v: 1, ...doc });
    const swapped = await state.compareAndSet(key, version, text, options);
    if (swapped) written = { text, doc };
    return swapped;
  }

  async function write(wishes: readonly Wish<D>[], known: D | undefined, attempt: Attempt): Promise<D> {
    const { signal } = attempt;
    for (let round = 0; round < maxRounds; round++) {
      if (round >= eagerRounds) await sleep(clock, random() * Math.min(longestPauseMs, 2 ** round), signal);
      const entry = await state.get(key, { signal });
      signal.throwIfAborted(); // too late: the wishes are waiting to be written again
      const kept = entry === undefined ? book.blank : parse(entry.value);
      const whole = rejoin(book, kept, known);
      const before = advance(book, whole, clock.now());
      const changed = wishes.reduce((doc, wish) => wish.step(doc, wish.repeated), before);
      if (changed === before && whole === kept) return before;
      const after = { ...changed, writes: changed.writes + 1 };
      attempt.swapping = true;
      if (await swap(entry?.version, after, signal)) return after;
      attempt.swapping = false;
    }
    throw new Error(`${maxRounds} times somebody else was faster`);
  }

  return async (wishes, known) => {
    const late = new AbortController();
    const attempt: Attempt = { signal: late.signal, swapping: false };
    const giveUp = () => late.abort(new Error(`no answer within ${timeoutMs} ms`));
    const timer = clock.setTimeout(giveUp, timeoutMs);
    try {
      return await abortable(write(wishes, known, attempt), late.signal);
    } catch (error) {
      if (attempt.swapping) for (const wish of wishes) wish.repeated = true;
      throw error;
    } finally {
      timer.cancel();
    }
  };
}
