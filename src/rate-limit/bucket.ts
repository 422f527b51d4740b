/** A bucket as a queue sees it: kept in this process, or borrowed from with others. Times are monotonic milliseconds. */
export interface Bucket {
  /** Name, cloud and whatever keeps it apart. */
  readonly key: string;
  readonly name: string;
  /** Tokens that can ever be there at once. */
  readonly burst: number;
  /** Whether so many tokens can be taken now. */
  has(weight: number, now: number): boolean;
  /** Takes them; only after `has` said so. */
  take(weight: number, now: number): void;
  /** Gives back tokens of a request that never left. @param takenAt - When they were taken. */
  giveBack(weight: number, takenAt: number, now: number): void;
  /** Milliseconds until so many tokens may be there; 0 if they are. */
  waitMs(weight: number, now: number): number;
  /** Tokens that can likely be had: those at hand, and what others that share the bucket may have left. */
  likely(now: number): number;
  /** Somebody waits: `need` tokens would let the next one go, `want` all of them. A shared bucket goes and borrows. */
  demand(need: number, want: number, now: number): void;
  /** The cloud throttled a request that was admitted then. */
  throttled(now: number, admittedAt: number, retryAfterMs: number): void;
  /** A request that was admitted then was answered without being throttled. */
  succeeded(now: number, admittedAt: number): void;
  /** The cloud said how many requests are left in its own count. */
  remaining(count: number, resetMs: number | undefined, now: number): void;
  /** Whether a new bucket would behave no differently. */
  isIdle(now: number): boolean;
  state(now: number): BucketState;
  close(): void;
}

/** Where a bucket's tokens come from at the moment. */
export type BucketSource = "local" | "shared" | "share" | "unreachable";

/** What a bucket is like at one moment. */
export interface BucketState {
  /** Tokens at hand. */
  readonly tokens: number;
  /** Tokens per second at present: the rule's, or less after throttled answers. */
  readonly ratePerSecond: number;
  /** For how long the cloud asked to be left alone, in milliseconds. */
  readonly pausedMs: number;
  readonly source: BucketSource;
}
