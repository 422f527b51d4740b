import type { Clock } from "../core/clock.ts";
import type { BucketSource } from "./bucket.ts";
import type { Gates } from "./gates.ts";

/** One bucket of the rate limit, as `guard.limits()` shows it. */
export interface LimitView {
  /** The bucket's name in its rule. */
  readonly bucket: string;
  /** The cloud, and whatever keeps the bucket apart: account, region, operation, … */
  readonly labels: Readonly<Record<string, string>>;
  /** The rule's tokens per second. */
  readonly maxRatePerSecond: number;
  /** Tokens per second at present: less than the rule's after throttled answers. */
  readonly ratePerSecond: number;
  readonly burst: number;
  /** Tokens at hand in this process. */
  readonly tokens: number;
  /** Calls that wait for it. */
  readonly waiting: number;
  /** For how long the cloud asked to be left alone, in milliseconds; 0 if it did not. */
  readonly pausedMs: number;
  /**
   * Where its tokens come from: `local` – this process alone; `shared` – borrowed from a bucket that replicas share;
   * `share` – the store is out of reach, and this replica goes on with its share; `unreachable` – nothing new until it is back.
   */
  readonly source: BucketSource;
}

/** Describes every bucket that is not like new. */
export function limitViews(gates: Gates, clock: Clock): LimitView[] {
  const now = clock.monotonic();
  return [...gates.taps].map((tap) => ({
    bucket: tap.facts.name,
    labels: tap.labels,
    maxRatePerSecond: tap.facts.ratePerSecond,
    burst: tap.facts.burst,
    waiting: gates.waitingAt(tap),
    ...tap.bucket.state(now),
  }));
}
