import { abortable, joinSignals } from "./abort.ts";
import { type Clock, type Random, sleep, type Timer } from "./clock.ts";
import { GuardError } from "./errors.ts";
import type { StateStore } from "./state-store.ts";

/** What is made of a document, by whoever keeps it. */
export interface DocumentKeeper {
  /** The store holds another text than the one that was seen last; `undefined`: none. Must not throw. */
  seen(text: string | undefined): void;
  /** The text that the store should hold instead of the one just seen; `undefined` where that one is right. */
  owed(): string | undefined;
}

/** One text under one key of a state store, which every replica sees within a second. */
export interface SharedDocument {
  /**
   * Reads the text, and writes what is owed.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: the store failed, or did not answer within two seconds;
   *   `ERR_GUARD_CLOSED`; `signal.reason`.
   */
  sync(signal?: AbortSignal): Promise<void>;
  /** Milliseconds since the store was last read. */
  readonly staleMs: number;
  /** Reads no more; what is under way ends with `ERR_GUARD_CLOSED`. */
  close(): void;
}

/** Where a document is kept. */
export interface DocumentPlace {
  readonly state: StateStore;
  readonly key: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether the store is read again and again. @defaultValue where others can write to it */
  readonly watch?: boolean;
}

const pollMs = 500;
const leastPauseMs = 100; // between two reads of a store that is slow
const answerWithinMs = 2_000;
const maxConflicts = 10;
const ignore = () => {};

function unavailable(key: string, cause: unknown): GuardError {
  const message = `state["${key}"]: the state store cannot be reached, so other replicas do not learn of this yet`;
  return new GuardError("ERR_STATE_UNAVAILABLE", message, { cause, retryable: true, requeueAfterMs: 10_000 });
}

const guardClosed = () =>
  new GuardError("ERR_GUARD_CLOSED", "the guard is closed; use emergencyStop, or another guard");

/**
 * Keeps a keeper and the store in step. Others can only write to a store that outlives this process:
 * that one is read every half second. Any store is tried again at that pace once it has failed.
 */
export function sharedDocument(place: DocumentPlace, keeper: DocumentKeeper): SharedDocument {
  const { state, key, clock, random, watch } = place;
  const watching = watch ?? state.scope !== "process";
  let version: string | undefined | null = null; // null: not known
  let readAt = clock.monotonic();
  let queue: Promise<unknown> = Promise.resolve();
  let timer: Timer | undefined;
  let running: AbortController | undefined;
  let closed = false;

  async function ask<T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await abortable(step(), signal);
    } catch (cause) {
      throw signal.aborted ? signal.reason : unavailable(key, cause);
    }
  }

  async function exchange(signal: AbortSignal): Promise<void> {
    for (let conflicts = 0; ; conflicts++) {
      const entry = await ask(() => state.get(key, { signal }), signal);
      readAt = clock.monotonic();
      if (entry?.version !== version) keeper.seen(entry?.value);
      version = entry?.version;
      const text = keeper.owed();
      if (text === undefined) return;
      if (await ask(() => state.compareAndSet(key, entry?.version, text, { signal }), signal)) {
        keeper.seen(text);
        version = null;
        return;
      }
      if (conflicts === maxConflicts) throw unavailable(key, new Error("others keep changing it"));
      await sleep(clock, 20 * random() * 2 ** Math.min(conflicts, 4), signal);
    }
  }

  async function bounded(signal: AbortSignal | undefined): Promise<void> {
    if (closed) throw guardClosed();
    const limit = new AbortController();
    running = limit;
    const giveUp = () => limit.abort(unavailable(key, new Error(`no answer within ${answerWithinMs} ms`)));
    const watchdog = clock.setTimeout(giveUp, answerWithinMs);
    try {
      await exchange(joinSignals(signal, limit.signal) as AbortSignal);
    } finally {
      watchdog.cancel();
    }
  }

  function inTurn(signal: AbortSignal | undefined): Promise<void> {
    const mine = queue.then(() => bounded(signal));
    queue = mine.catch(ignore);
    return abortable(mine, signal);
  }

  function arm(delayMs: number): void {
    if (closed || watch === false || timer !== undefined) return;
    timer = clock.setTimeout(() => {
      timer = undefined;
      void sync().catch(ignore);
    }, delayMs);
  }

  async function sync(signal?: AbortSignal): Promise<void> {
    const from = clock.monotonic();
    let failed = true;
    try {
      await inTurn(signal);
      failed = false;
    } finally {
      if (watching || failed) arm(Math.max(leastPauseMs, pollMs - (clock.monotonic() - from)));
    }
  }

  return {
    sync,
    get staleMs() {
      return clock.monotonic() - readAt;
    },
    close() {
      closed = true;
      timer?.cancel();
      running?.abort(guardClosed());
    },
  };
}
