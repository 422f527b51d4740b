import type { LimitBucket } from "../core/limit-rule.ts";
import type { Bucket, BucketState } from "./bucket.ts";
import { type Learned, learnSucceeded, learnThrottled, nothingLearned } from "./learning.ts";

/** A request is believed to have reached the cloud's own count within this time. */
const arrivalMs = 100;

/**
 * A fractional token bucket of this process. A throttled answer lowers its rate at once, success
 * restores it bit by bit, and it never rises above the rule. In any window of length t it admits
 * at most `burst + ratePerSecond × t`.
 */
export class TokenBucket implements Bucket {
  readonly key: string;
  readonly name: string;
  readonly burst: number;
  readonly #ratePerMs: number;
  readonly #learned: Learned;
  #tokens: number;
  #refilledAt: number;
  /** What would have been refilled since the last request, had there been room. */
  #spilled = Number.POSITIVE_INFINITY;
  /** When the first token was taken of a bucket that had been full for a while. */
  #begunAt: number | undefined;

  /** @param tokens - What is in it at the beginning. @defaultValue the burst */
  constructor({ name, ratePerSecond, burst }: LimitBucket, key: string, now: number, tokens = burst) {
    this.key = key;
    this.name = name;
    this.burst = burst;
    this.#ratePerMs = ratePerSecond / 1000;
    this.#learned = nothingLearned(now);
    this.#learned.pausedUntil = now;
    this.#tokens = tokens;
    this.#refilledAt = now;
  }

  #refill(now: number): void {
    if (now <= this.#refilledAt) return;
    const tokens = this.#tokens + (now - this.#refilledAt) * this.#ratePerMs * this.#learned.share;
    if (tokens > this.burst) this.#spilled += tokens - this.burst;
    this.#tokens = Math.min(tokens, this.burst);
    this.#refilledAt = now;
  }

  has(weight: number, now: number): boolean {
    if (now < this.#learned.pausedUntil) return false;
    this.#refill(now);
    return this.#tokens >= weight;
  }

  take(weight: number, now: number): void {
    this.#tokens -= weight;
    if (this.#spilled > 0) this.#begunAt ??= now;
  }

  giveBack(weight: number): void {
    this.#tokens = Math.min(this.burst, this.#tokens + weight);
  }

  waitMs(weight: number, now: number): number {
    this.#refill(now);
    const forTokens = this.#tokens >= weight ? 0 : (weight - this.#tokens) / (this.#ratePerMs * this.#learned.share);
    return Math.max(forTokens, this.#learned.pausedUntil - now, 0);
  }

  likely(now: number): number {
    this.#refill(now);
    return this.#tokens;
  }

  demand(): void {
    // what is missing comes by itself
  }

  throttled(now: number, admittedAt: number, retryAfterMs: number): void {
    this.#refill(now);
    if (learnThrottled(this.#learned, now, admittedAt, retryAfterMs)) this.#tokens = Math.min(this.#tokens, 0);
  }

  succeeded(now: number, admittedAt: number): void {
    if (this.#begunAt !== undefined && admittedAt >= this.#begunAt) this.#arrived(now, this.#begunAt);
    if (this.#learned.share === 1) return;
    this.#refill(now);
    learnSucceeded(this.#learned, now);
  }

  /**
   * The cloud's own bucket began to refill when the first request arrived there, not when it left
   * here: without this the next one would come a moment too early for it.
   */
  #arrived(now: number, begunAt: number): void {
    this.#refill(now);
    const early = Math.min(now - begunAt, arrivalMs) * this.#ratePerMs * this.#learned.share;
    this.#tokens -= Math.min(early, this.#spilled);
    this.#spilled = 0;
    this.#begunAt = undefined;
  }

  remaining(count: number, resetMs: number | undefined, now: number): void {
    this.#refill(now);
    this.#tokens = Math.min(this.#tokens, count);
    if (count < 1 && resetMs !== undefined) {
      this.#learned.pausedUntil = Math.max(this.#learned.pausedUntil, now + resetMs);
    }
  }

  isIdle(now: number): boolean {
    this.#refill(now);
    return this.#tokens === this.burst && this.#learned.share === 1 && now >= this.#learned.pausedUntil;
  }

  state(now: number): BucketState {
    this.#refill(now);
    return {
      tokens: Math.max(0, this.#tokens),
      ratePerSecond: this.#ratePerMs * this.#learned.share * 1000,
      pausedMs: Math.max(0, this.#learned.pausedUntil - now),
      source: "local",
    };
  }

  close(): void {
    // holds nothing
  }
}
