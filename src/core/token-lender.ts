/** What a replica learned from the cloud since it last asked. */
export interface LimitFeedback {
  /** The cloud throttled a request that was admitted so long ago, in milliseconds. */
  readonly throttled?: { readonly admittedAgoMs: number; readonly retryAfterMs: number };
  /** Requests were answered without being throttled. */
  readonly succeeded?: boolean;
  /** Requests left in the cloud's own window, as its latest answer says. */
  readonly remaining?: number;
}

/** What a replica asks of a bucket that it shares with others. */
export interface LeaseRequest {
  /** Names the bucket among all that share the store. */
  readonly bucket: string;
  /** Who asks, where several in one process hold tokens apart from each other. @defaultValue `""` */
  readonly borrower?: string;
  readonly ratePerSecond: number;
  readonly burst: number;
  /** Unspent tokens of earlier leases, which this request renews. */
  readonly held: number;
  /** Fewer new tokens than this are of no use: where they are not there, the replica waits its turn. 0: nobody waits. */
  readonly need: number;
  /** As many new tokens as this are welcome; 0 to report only. */
  readonly want: number;
  readonly feedback?: LimitFeedback;
}

/** What a replica was given. */
export interface Lease {
  /** New tokens, a multiple of `need` (of 1 where nobody waits), or 0. */
  readonly tokens: number;
  /** How many of the held ones may still be spent. */
  readonly kept: number;
  /** How long these and the held ones may be spent, in milliseconds from sending the request. */
  readonly validMs: number;
  /** Where nothing was given: when to ask again, in milliseconds. */
  readonly retryMs: number;
  /** What the rate has been lowered to by throttled answers to any replica; never above the rule's. */
  readonly ratePerSecond: number;
  /** For how long the cloud asked all replicas to be left alone, in milliseconds. */
  readonly pausedMs: number;
}

/**
 * Lends slices of token buckets to replicas, which spend them without asking again. Tokens that
 * are lent and unspent count against the burst, so that all replicas together never admit more
 * than `burst + ratePerSecond × t` in any window; those of a replica that died are free again
 * when its lease ends.
 */
export interface TokenLender {
  /**
   * Requests of one replica for one bucket are served in the order of sending, or not at all: one that
   * was given up is not served later.
   *
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` when the store cannot be reached in time:
   *   what the replica holds stays valid until its lease ends, and nothing new was given.
   */
  lease(request: LeaseRequest, options?: { readonly signal?: AbortSignal }): Promise<Lease>;
  /**
   * Replicas that are meant to run, where somebody said so: one that is cut off goes on with its
   * share of the rate, and the others leave it that share. `undefined`: a replica that is cut off waits.
   */
  readonly replicas: number | undefined;
  /** Whether this replica is cut off, every lease of it has ended, and the others leave it its share. */
  readonly alone: boolean;
}
