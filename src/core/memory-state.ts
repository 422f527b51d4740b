import { type Clock, systemClock } from "./clock.ts";
import { GuardError } from "./errors.ts";
import type { Incremented, IncrementOptions, StateStore, Versioned, WriteOptions } from "./state-store.ts";

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

  const endOf = (options?: WriteOptions) => clock.monotonic() + (options?.ttlMs ?? Number.POSITIVE_INFINITY);
  const view = (entry: Entry): Versioned => ({ value: entry.value, version: entry.version });

  return {
    scope: "process",
    async get(key, options) {
      options?.signal?.throwIfAborted();
      const entry = live(key);
      return entry && view(entry);
    },
    async put(key, value, options) {
      options?.signal?.throwIfAborted();
      write(key, value, endOf(options));
    },
    async compareAndSet(key, expected, value, options) {
      options?.signal?.throwIfAborted();
      if (live(key)?.version !== expected) return false;
      write(key, value, endOf(options));
      return true;
    },
    async increment(key, by, options: IncrementOptions = {}): Promise<Incremented> {
      options.signal?.throwIfAborted();
      const entry = live(key);
      const before = entry === undefined ? 0 : Number(entry.value);
      if (!Number.isFinite(before) || !Number.isFinite(by)) {
        throw new GuardError("ERR_CONFIG_INVALID", `state["${key}"]: not a counter, or not a finite step`);
      }
      const after = before + by;
      if (after < (options.min ?? Number.NEGATIVE_INFINITY) || after > (options.max ?? Number.POSITIVE_INFINITY)) {
        return { applied: false, value: before };
      }
      write(key, String(after), entry?.endsAt ?? endOf(options));
      return { applied: true, value: after };
    },
    async delete(key, options) {
      options?.signal?.throwIfAborted();
      return live(key) !== undefined && entries.delete(key);
    },
    async *scan(prefix, options) {
      for (const key of [...entries.keys()]) {
        options?.signal?.throwIfAborted();
        const entry = key.startsWith(prefix) ? live(key) : undefined;
        if (entry !== undefined) yield [key, view(entry)] as const;
      }
    },
    async close() {
      entries.clear();
    },
  };
}
