import type { CallMatch } from "./call-match.ts";
import type { Weight } from "./weight.ts";

/** What keeps one bucket apart from the next of its name. */
export type BucketKey = "account" | "region" | "service" | "operation" | "cluster";

/** A token bucket that calls take from before they are sent. */
export interface LimitBucket {
  /** Names the bucket in metrics, `explain` and `guard.limits()`. Rules that name the same bucket share it. */
  readonly name: string;
  /** Tokens refilled per second, finite and > 0. */
  readonly ratePerSecond: number;
  /** Tokens that can be spent at once, finite and ≥ 1. */
  readonly burst: number;
  /** Tokens that one call takes. @defaultValue 1 */
  readonly weight?: Weight;
  /** There is one bucket per cloud and whatever is named here. @defaultValue `["account", "region"]` */
  readonly per?: readonly BucketKey[];
}

interface RuleFacts extends CallMatch {
  /** Names the rule in `explain`. */
  readonly name: string;
  /** Where the figures are published, and when they were read. */
  readonly source?: string;
}

/**
 * One line of a throttle table. A call meets the first rule that matches it, and takes from all of
 * the rule's buckets or from none. A rule with a rate and a burst of its own has one bucket of its name.
 */
export type LimitRule =
  | (RuleFacts & Omit<LimitBucket, "name"> & { readonly buckets?: never })
  | (RuleFacts & {
      readonly buckets: readonly LimitBucket[];
      readonly ratePerSecond?: never;
      readonly burst?: never;
      readonly weight?: never;
      readonly per?: never;
    });

/** The buckets of a rule, whichever way it was written. */
export function bucketsOf(rule: LimitRule): readonly LimitBucket[] {
  return rule.buckets ?? [rule];
}
