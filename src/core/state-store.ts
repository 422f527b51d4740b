import type { TokenLender } from "./token-lender.ts";

/** A value with the version that `compareAndSet` asks for. */
export interface Versioned {
  readonly value: string;
  /** Opaque; changes with every write. */
  readonly version: string;
}

/** Options of a write. */
export interface WriteOptions {
  /** Milliseconds after which the key is gone. @defaultValue kept until deleted */
  readonly ttlMs?: number;
  readonly signal?: AbortSignal;
}

/** Options of {@link StateStore.increment}. */
export interface IncrementOptions extends WriteOptions {
  /** The counter is left alone if it would fall below this. @defaultValue no bound */
  readonly min?: number;
  /** The counter is left alone if it would rise above this. @defaultValue no bound */
  readonly max?: number;
}

/** What an increment did. */
export interface Incremented {
  /** Whether the change was made; `false` where a bound forbade it. */
  readonly applied: boolean;
  /** The counter afterwards. */
  readonly value: number;
}

/**
 * Where counters, marks, nonces and grants live. Every operation is atomic for its key.
 * Every operation rejects with `ERR_STATE_UNAVAILABLE` when the store cannot be reached, and
 * with the signal's reason when aborted; in both cases a write may or may not have happened.
 */
export interface StateStore {
  /** What survives: nothing, the process, or the machine and every replica. */
  readonly scope: "process" | "machine" | "shared";
  /** Lends token buckets to everybody on this store. @defaultValue each process has buckets of its own */
  readonly lender?: TokenLender;
  get(key: string, options?: { readonly signal?: AbortSignal }): Promise<Versioned | undefined>;
  put(key: string, value: string, options?: WriteOptions): Promise<void>;
  /**
   * Writes only if the key still has this version (`undefined`: only if it does not exist).
   * @returns Whether it wrote.
   */
  compareAndSet(key: string, version: string | undefined, value: string, options?: WriteOptions): Promise<boolean>;
  /**
   * Adds to a counter that starts at 0, within bounds. The TTL is set when the counter is created.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID` if the key holds something that is not a counter.
   */
  increment(key: string, by: number, options?: IncrementOptions): Promise<Incremented>;
  /** @returns Whether there was something to delete. */
  delete(key: string, options?: { readonly signal?: AbortSignal }): Promise<boolean>;
  /**
   * Yields every key with this prefix that exists during the whole scan, each once, in no
   * promised order; keys written or deleted meanwhile may or may not be among them.
   */
  scan(
    prefix: string,
    options?: { readonly signal?: AbortSignal },
  ): AsyncIterable<readonly [key: string, entry: Versioned]>;
  close(): Promise<void>;
}
