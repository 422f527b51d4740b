import type { Timer } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { Book, BookDocument } from "./book.ts";
import { advance } from "./bookings.ts";
import { documentWriter, type Setting, type Wish } from "./document-writer.ts";

/**
 * One bucket's document in the state store. What this process wants of it is done in order and, where
 * several wishes come together, by one write that holds for every process on the store.
 */
export interface BucketDocument<D extends BookDocument> {
  /** Does something once. @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: it may have been done all the same. */
  change<R>(step: (doc: D) => readonly [D, R]): Promise<R>;
  /**
   * Does something in the background, again and again until the store has taken it.
   * @param step - Is told whether it may have been done already.
   */
  enqueue(step: (doc: D, repeated: boolean) => D): void;
  /** As this process saw it last, at the present time. */
  latest(): D | undefined;
  /** Whether nothing waits to be written. */
  readonly idle: boolean;
  /** Tries once more to write what waits, and starts no further timer. */
  close(): Promise<void>;
}

interface Waiting<D> extends Wish<D> {
  stored?(): void;
  /** Without it, the wish is kept until the store takes it. */
  failed?(cause: unknown): void;
}

const maxBatch = 500;
const maxQueued = 10_000; // what is not taken is settled by the end of its reservation
const firstRetryMs = 250;
const longestRetryMs = 30_000;

/** Says that a budget cannot be asked. */
export function unavailable(key: string, cause: unknown): GuardError {
  const message = `quota: the state store could not be asked for ${key}`;
  return new GuardError("ERR_STATE_UNAVAILABLE", message, { cause, retryable: true, requeueAfterMs: 10_000 });
}

/** Opens a bucket's document. */
export function openDocument<D extends BookDocument>(key: string, book: Book<D>, setting: Setting): BucketDocument<D> {
  const { clock, random } = setting;
  const write = documentWriter(key, book, setting);
  const queue: Waiting<D>[] = [];
  let last: D | undefined;
  let working = false;
  let closed = false;
  let failures = 0;
  let retry: Timer | undefined;

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
        last = await write(batch, last);
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

  function push(wish: Omit<Waiting<D>, "repeated">): void {
    queue.push({ ...wish, repeated: false });
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
