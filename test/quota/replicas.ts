import type { StateStore } from "provider-guard";
import { type ClockScope, type SimulatedClock, seededRandom } from "provider-guard/testing";
import type { Book, BookDocument } from "../../src/quota/book.ts";
import { type Ledger, openLedger } from "../../src/quota/ledger.ts";

/** How a store behaves that is not at its best. */
export interface Weather {
  /** Milliseconds that an operation takes, at most. */
  readonly slowMs: number;
  /** Share of operations that fail, half of them after they were done. */
  readonly failing: number;
}

/** A store in some weather: what is asked of it at once overtakes each other, so that many lose their races. */
export function weathered(store: StateStore, clock: SimulatedClock, { slowMs, failing }: Weather): StateStore {
  const random = seededRandom(42);
  const pause = () => new Promise<void>((resolve) => clock.setTimeout(resolve, Math.floor(random() * slowMs)));
  async function ask<R>(step: () => Promise<R>): Promise<R> {
    if (slowMs > 0) await pause();
    if (random() < failing / 2) throw new Error("lost on the way there");
    const answer = await step();
    if (slowMs > 0) await pause();
    if (random() < failing / 2) throw new Error("lost on the way back");
    return answer;
  }
  return {
    ...store,
    get: (...args) => ask(() => store.get(...args)),
    compareAndSet: (...args) => ask(() => store.compareAndSet(...args)),
  };
}

/** One process of several on a store, with a clock that may be wrong, which can crash and start again. */
export interface Replica<D extends BookDocument> {
  readonly ledger: Ledger<D>;
  /** Dies with the replica. */
  readonly clock: ClockScope;
  /** Milliseconds by which its clock is ahead. */
  aheadMs: number;
  crash(): void;
}

export function replica<D extends BookDocument>(
  key: string,
  book: Book<D>,
  clock: SimulatedClock,
  state: StateStore,
  reservationMs: number,
): Replica<D> {
  let scope = clock.scope();
  let ledger = open();

  function open(): Ledger<D> {
    const mine = scope;
    const wrong = { ...mine, now: () => mine.now() + self.aheadMs };
    return openLedger(key, book, { clock: wrong, random: seededRandom(7), state, reservationMs });
  }

  const self = {
    get ledger() {
      return ledger;
    },
    get clock() {
      return scope;
    },
    aheadMs: 0,
    crash() {
      scope.kill();
      scope = clock.scope();
      ledger = open();
    },
  };
  return self;
}
