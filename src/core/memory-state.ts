import { type Clock, systemClock } from "./clock.ts";
import { GuardError } from "./errors.ts";
import { addTo, endOf } from "./state-arithmetic.ts";
import type { StateStore, Versioned } from "./state-store.ts";

interface Entry {
  readonly value: string;
  readonly version: string;
  readonly endsAt: number;
}

/** Options of {@link memoryState}. */
export interface MemoryStateOptions {
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/**
 * Keeps state in this process: for tests, and where nothing must survive a restart.
 *
 * @param options - See {@link MemoryStateOptions}.
 * @returns A store that is lost with the process.
 * @example
 * import { memoryState } from "provider-guard";
 * const state = memoryState();
 * await state.increment("machines/cluster-a", 1, { max: 10 });
 */
export function memoryState(options: MemoryStateOptions = {}): StateStore {
  const clock = options.clock ?? systemClock;
  const entries = new Map<string, Entry>();
  let version = 0;
  let closed = false;
  let sweepAt = 1024;

  function live(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry === undefined || entry.endsAt > clock.monotonic()) return entry;
    entries.delete(key);
    return undefined;
  }

  function sweep(): void {
    for (const key of entries.keys()) live(key);
    sweepAt = Math.max(1024, entries.size * 2);
  }

  function write(key: string, value: string, endsAt: number): void {
    entries.set(key, { value, version: String(++version), endsAt });
    if (entries.size >= sweepAt) sweep();
  }

  const view = (entry: Entry): Versioned => ({ value: entry.value, version: entry.version });

  function enter(signal: AbortSignal | undefined): void {
    if (closed) throw new GuardError("ERR_STATE_UNAVAILABLE", "state store in memory: is closed");
    signal?.throwIfAborted();
  }

  return {
    scope: "process",
    async get(key, options) {
      enter(options?.signal);
      const entry = live(key);
      return entry && view(entry);
    },
    async put(key, value, options) {
      enter(options?.signal);
      write(key, value, endOf(clock.monotonic(), options));
    },
    async compareAndSet(key, expected, value, options) {
      enter(options?.signal);
      const endsAt = endOf(clock.monotonic(), options);
      if (live(key)?.version !== expected) return false;
      write(key, value, endsAt);
      return true;
    },
    async increment(key, by, options) {
      enter(options?.signal);
      const endsAt = endOf(clock.monotonic(), options);
      const entry = live(key);
      const sum = addTo(key, entry?.value, by, options);
      if (sum.applied) write(key, String(sum.value), entry?.endsAt ?? endsAt);
      return sum;
    },
    async delete(key, options) {
      enter(options?.signal);
      return live(key) !== undefined && entries.delete(key);
    },
    async *scan(prefix, options) {
      enter(options?.signal);
      for (const key of [...entries.keys()]) {
        enter(options?.signal);
        const entry = key.startsWith(prefix) ? live(key) : undefined;
        if (entry !== undefined) yield [key, view(entry)] as const;
      }
    },
    async close() {
      closed = true;
      entries.clear();
    },
  };
}
