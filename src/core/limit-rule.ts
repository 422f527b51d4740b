import type { CallKind } from "./call.ts";

/**
 * One line of a throttle table. A call meets the first rule that matches it; its bucket is
 * kept per rule, account and region.
 */
export interface LimitRule {
  /** Names the bucket in metrics and `explain`. */
  readonly name: string;
  /** @defaultValue every cloud */
  readonly cloud?: string;
  /** @defaultValue every service */
  readonly service?: string;
  /** Operation names; `*` at the end matches any ending. @defaultValue every operation */
  readonly operations?: readonly string[];
  /** @defaultValue every kind */
  readonly kinds?: readonly CallKind[];
  /** Tokens refilled per second, finite and > 0. */
  readonly ratePerSecond: number;
  /** Tokens that can be spent at once, finite and ≥ 1. */
  readonly burst: number;
  /** Where the figure is published, and when it was read. */
  readonly source?: string;
}
