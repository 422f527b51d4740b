import { type Clock, sleep } from "../../src/core/clock.ts";
import { addTo, endOf } from "../../src/core/state-arithmetic.ts";
import type { StateStore, Versioned } from "../../src/core/state-store.ts";
import { enter } from "./environment.ts";
import { refused } from "./failure.ts";
import { type Entry, entryKey, type Kept } from "./layout.ts";
import type { Outcome } from "./operation.ts";
import { scan } from "./scan.ts";
import { Sweeper } from "./sweeper.ts";
import { readEntry } from "./transactor.ts";

/**
 * Computes from what a key holds what it shall hold. It may run more than once for one result,
 * so it must do nothing else.
 *
 * @param found - Nothing where the entry's end has come.
 * @param now - Unix milliseconds.
 */
export type Compute<T> = (found: Kept | undefined, now: number) => Outcome<T>;

/** A store, and what is built on it by those who know it. */
export interface FileStore {
  readonly state: StateStore;
  /**
   * Reads, computes and writes one key in one transaction among all processes on the folder.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: it may or may not have been written.
   * @throws `signal.reason` when the signal aborts; what `compute` throws.
   */
  transact<T>(key: string, compute: Compute<T>, signal?: AbortSignal): Promise<T>;
}

/** How a store behaves. */
export interface FileStoreSettings {
  readonly directory: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const view = ({ value, version }: Kept): Versioned => ({ value, version: String(version) });

/** Opens a store on a folder; see `fileState`. */
export function openStore({ directory, timeoutMs, clock }: FileStoreSettings): FileStore {
  const environment = enter(directory);
  const underWay = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;

  const sweeper = new Sweeper(environment, clock, (key, step) =>
    environment.transactor.run(key, step, { clock, timeoutMs }),
  );
  sweeper.arm();

  function requireOpen(signal: AbortSignal | undefined): void {
    if (closed !== undefined) throw refused(environment.directory, "is closed", false);
    signal?.throwIfAborted();
  }

  const live = <T extends Entry>(found: T | undefined, now: number) =>
    found !== undefined && found.endsAt > now ? found : undefined;

  async function transact<T>(key: string, compute: Compute<T>, signal?: AbortSignal): Promise<T> {
    requireOpen(signal);
    const place = entryKey(key);
    const step = (found: Kept | undefined) => {
      const now = clock.now();
      const outcome = compute(live(found, now), now);
      if (outcome.write && outcome.write.endsAt < Number.POSITIVE_INFINITY) sweeper.arm();
      return outcome;
    };
    const run = environment.transactor.run(place, step, { clock, timeoutMs, signal });
    underWay.add(run);
    return run.finally(() => underWay.delete(run));
  }

  async function close(): Promise<void> {
    sweeper.close();
    await Promise.allSettled(underWay);
    const released = new AbortController();
    const late = sleep(clock, timeoutMs, released.signal).catch(() => {});
    await Promise.race([environment.release(), late]);
    released.abort();
  }

  const state: StateStore = {
    scope: "machine",
    async get(key, options) {
      requireOpen(options?.signal);
      const found = environment.read((database) => readEntry(database, entryKey(key)));
      const entry = live(found, clock.now());
      return entry && view(entry);
    },
    put: (key, value, options) =>
      transact(
        key,
        (_, now) => ({ result: undefined, write: { value, endsAt: endOf(now, options) } }),
        options?.signal,
      ),
    compareAndSet: (key, version, value, options) =>
      transact(
        key,
        (found, now) => {
          const endsAt = endOf(now, options);
          if ((found && String(found.version)) !== version) return { result: false };
          return { result: true, write: { value, endsAt } };
        },
        options?.signal,
      ),
    increment: (key, by, options) =>
      transact(
        key,
        (found, now) => {
          const endsAt = endOf(now, options);
          const sum = addTo(key, found?.value, by, options);
          return sum.applied
            ? { result: sum, write: { value: String(sum.value), endsAt: found?.endsAt ?? endsAt } }
            : { result: sum };
        },
        options?.signal,
      ),
    delete: (key, options) => transact(key, (found) => ({ result: found !== undefined, write: null }), options?.signal),
    async *scan(prefix, options) {
      requireOpen(options?.signal);
      const now = () => {
        requireOpen(options?.signal);
        return clock.now();
      };
      for await (const found of scan(environment, prefix, now)) {
        requireOpen(options?.signal);
        yield found;
      }
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
  return { state, transact };
}
