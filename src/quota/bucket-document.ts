import { type Clock, type Random, sleep, type Timer } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { StateStore } from "../core/state-store.ts";
import { abortable } from "./abortable.ts";
import type { Book, BookDocument } from "./book.ts";
import { advance } from "./bookings.ts";

/** What every ledger of a guard works with. */
export interface Setting {
  readonly clock: Clock;
  readonly random: Random;
  readonly state: StateStore;
  readonly reservationMs: number;
}

/**
 * One bucket's document in the state store. What this process wants of it is done in order and, where
 * several wishes come together, by one write; each write is a compare-and-set, so that it holds for
 * every process on the store.
 */
export interface BucketDocument<D extends BookDocument> {
  /** Does something once. @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: it may have been done all the same. */
  change<R>(step: (doc: D) => readonly [D, R]): Promise<R>;
  /** Does something in the background, again and again until the store has taken it: it must bear repetition. */
  enqueue(step: (doc: D) => D): void;
  /** As this process saw it last, at the present time. */
  latest(): D | undefined;
  /** Whether nothing waits to be written. */
  readonly idle: boolean;
  /** Tries once more to write what waits, and starts no further timer. */
  close(): Promise<void>;
}

interface Wish<D> {
  step(doc: D): D;
  stored?(): void;
  /** Without it, the wish is kept until the store takes it. */
  failed?(cause: unknown): void;
}

const maxBatch = 500;
const maxQueued = 10_000; // what is not taken is settled by the end of its reservation
const maxRounds = 100;
const eagerRounds = 4;
const longestBackoffMs = 200;
const storeTimeoutMs = 5_000;
const firstRetryMs = 250;
const longestRetryMs = 30_000;

/** Says that a budget cannot be asked. */
export function unavailable(key: string, cause: unknown): GuardError {
  const message = `quota: the state store could not be asked for ${key}`;
  return new GuardError("ERR_STATE_UNAVAILABLE", message, { cause, retryable: true, requeueAfterMs: 10_000 });
}

/** Reads what the store keeps of a bucket, as it is now. */
export function present<D extends BookDocument>(book: Book<D>, text: string | undefined, now: number): D {
  return advance(book, text === undefined ? book.blank : book.parse(text), now);
}

export function openDocument<D extends BookDocument>(
  key: string,
  book: Book<D>,
  { clock, random, state }: Setting,
): BucketDocument<D> {
  const queue: Wish<D>[] = [];
  let last: D | undefined;
  let working = false;
  let closed = false;
  let failures = 0;
  let retry: Timer | undefined;

  async function write(batch: readonly Wish<D>[], signal: AbortSignal): Promise<void> {
    for (let round = 0; round < maxRounds; round++) {
      if (round >= eagerRounds) await sleep(clock, random() * Math.min(longestBackoffMs, 2 ** round), signal);
      const entry = await state.get(key, { signal });
      signal.throwIfAborted();
      const before = present(book, entry?.value, clock.now());
      const after = batch.reduce((doc, wish) => wish.step(doc), before);
      const ttlMs = book.ttlMs(after);
      const options = ttlMs === undefined ? { signal } : { signal, ttlMs };
      const text = JSON.stringify({ v: 1, ...after });
      if (after === before || (await state.compareAndSet(key, entry?.version, text, options))) {
        last = after;
        return;
      }
      signal.throwIfAborted();
    }
    throw new Error(`${maxRounds} times somebody else was faster`);
  }

  /** Bounded in time, whatever the store does. */
  async function tryToWrite(batch: readonly Wish<D>[]): Promise<void> {
    const late = new AbortController();
    const timer = clock.setTimeout(
      () => late.abort(new Error(`no answer within ${storeTimeoutMs} ms`)),
      storeTimeoutMs,
    );
    try {
      await abortable(write(batch, late.signal), late.signal);
    } finally {
      timer.cancel();
    }
  }

  function retryLater(): void {
    if (closed) return;
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** failures) * (1 + random());
    failures++;
    retry = clock.setTimeout(() => void work(), delayMs);
  }

  async function work(): Promise<void> {
    if (working) return;
    working = true;
    retry?.cancel();
    while (queue.length > 0) {
      const batch = queue.splice(0, maxBatch);
      try {
        await tryToWrite(batch);
        failures = 0;
        for (const wish of batch) wish.stored?.();
      } catch (cause) {
        for (const wish of batch) wish.failed?.(cause);
        queue.unshift(...batch.filter(({ failed }) => failed === undefined));
        if (queue.some(({ failed }) => failed !== undefined)) continue; // somebody waits for an answer
        if (queue.length > 0) retryLater();
        break;
      }
    }
    working = false;
  }

  function push(wish: Wish<D>): void {
    queue.push(wish);
    void work();
  }

  function change<R>(step: (doc: D) => readonly [D, R]): Promise<R> {
    return new Promise((resolve, reject) => {
      let result: R;
      push({
        step(doc) {
          const [after, answer] = step(doc);
          result = answer;
          return after;
        },
        stored: () => resolve(result),
        failed: (cause) => reject(unavailable(key, cause)),
      });
    });
  }

  return {
    change,
    enqueue(step) {
      if (queue.length < maxQueued) push({ step });
    },
    latest: () => last && advance(book, last, clock.now()),
    get idle() {
      return queue.length === 0 && !working;
    },
    async close() {
      closed = true;
      retry?.cancel();
      if (working || queue.length > 0) await change((doc) => [doc, undefined]).catch(() => {});
    },
  };
}
