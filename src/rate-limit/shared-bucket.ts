import type { Clock } from "../core/clock.ts";
import type { LimitBucket } from "../core/limit-rule.ts";
import type { Lease, LeaseRequest, LimitFeedback, TokenLender } from "../core/token-lender.ts";
import type { Bucket, BucketSource, BucketState } from "./bucket.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Tokens for so long are borrowed ahead of need, judged by what was spent lately. */
const aheadMs = 100;
/** After a lease that failed nobody asks again for so long. */
const failedMs = 250;

/** What a shared bucket needs of its surroundings. */
export interface Sharing {
  readonly lender: TokenLender;
  readonly borrower: string;
  readonly clock: Clock;
  /** Tokens may have come. */
  readonly changed: () => void;
}

/**
 * This replica's part of a bucket that several share: it borrows slices of tokens, spends them
 * without asking again, and asks for the next slice before the last is spent. What it may not
 * spend in time it does not spend: an outage of the store admits nothing beyond what was lent.
 */
export class SharedBucket implements Bucket {
  readonly key: string;
  readonly name: string;
  readonly burst: number;
  readonly #facts: LimitBucket;
  readonly #lender: TokenLender;
  readonly #borrower: string;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #abort = new AbortController();
  /** Leases are not asked for more often than this: tokens have to gather first. */
  readonly #paceMs: number;
  #held = 0;
  #validUntil = Number.NEGATIVE_INFINITY;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #askAgainAt = Number.NEGATIVE_INFINITY;
  /** When the lender had nothing left, as it said last. */
  #emptyAt: number | undefined;
  #leasing = false;
  #failed = false;
  #spent = 0;
  #ahead = 0;
  #rate: number;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #feedback: LimitFeedback | undefined;
  #throttledAt = 0;
  #ownShare: TokenBucket | undefined;

  constructor(facts: LimitBucket, key: string, { lender, borrower, clock, changed }: Sharing) {
    this.key = key;
    this.name = facts.name;
    this.burst = facts.burst;
    this.#facts = facts;
    this.#lender = lender;
    this.#borrower = borrower;
    this.#clock = clock;
    this.#changed = changed;
    this.#rate = facts.ratePerSecond;
    this.#paceMs = Math.min(25, Math.max(1, (facts.burst / facts.ratePerSecond) * 125));
  }

  has(weight: number, now: number): boolean {
    if (now < this.#pausedUntil) return false;
    if (now >= this.#validUntil) this.#held = 0;
    return this.#held >= weight || (this.#share(now)?.has(weight, now) ?? false);
  }

  take(weight: number, now: number): void {
    if (this.#held < weight) {
      this.#ownShare?.take(weight, now);
      return;
    }
    this.#held -= weight;
    this.#spent += weight;
    if (this.#leasing || this.#ahead < 2 || this.#held >= this.#ahead / 2 || now < this.#askAgainAt) return;
    this.#lease(0, this.#ahead, now);
  }

  giveBack(weight: number, takenAt: number, now: number): void {
    if (takenAt <= this.#reportedAt || now >= this.#validUntil) return; // the lender counts them as spent already
    this.#held += weight;
    this.#spent -= weight;
  }

  waitMs(weight: number, now: number): number {
    if (this.has(weight, now)) return 0;
    const share = this.#ownShare?.waitMs(weight, now) ?? Number.POSITIVE_INFINITY;
    const asking = this.#leasing ? Number.POSITIVE_INFINITY : Math.max(1, this.#askAgainAt - now);
    return Math.max(this.#pausedUntil - now, Math.min(share, asking));
  }

  likely(now: number): number {
    const share = this.#share(now);
    if (share !== undefined) return share.likely(now);
    const rest = this.#emptyAt === undefined ? this.burst : ((now - this.#emptyAt) / 1000) * this.#rate;
    return Math.min(this.burst, (now < this.#validUntil ? this.#held : 0) + rest);
  }

  demand(need: number, want: number, now: number): void {
    if (this.#leasing || now < this.#askAgainAt || now < this.#pausedUntil) return;
    this.#lease(need, Math.max(want, this.#ahead), now);
  }

  throttled(now: number, admittedAt: number, retryAfterMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + retryAfterMs);
    this.#held = 0; // the cloud has fewer than the lender thinks
    this.#ahead = 0;
    this.#throttledAt = now;
    const throttled = { admittedAgoMs: now - admittedAt, retryAfterMs };
    this.#feedback = { ...this.#feedback, throttled };
    this.#ownShare?.throttled(now, admittedAt, retryAfterMs);
    if (!this.#leasing) this.#lease(0, 0, now);
  }

  succeeded(now: number, admittedAt: number): void {
    if (this.#rate < this.#facts.ratePerSecond && this.#feedback?.succeeded !== true) {
      this.#feedback = { ...this.#feedback, succeeded: true };
    }
    this.#ownShare?.succeeded(now, admittedAt);
  }

  remaining(count: number, resetMs: number | undefined, now: number): void {
    if (count < 1 && resetMs !== undefined) this.#pausedUntil = Math.max(this.#pausedUntil, now + resetMs);
    if (count < this.burst) this.#feedback = { ...this.#feedback, remaining: count };
    this.#held = Math.min(this.#held, count);
    this.#ownShare?.remaining(count, resetMs, now);
  }

  isIdle(now: number): boolean {
    const untold = this.#feedback?.throttled !== undefined;
    return !this.#leasing && !untold && now >= this.#validUntil && now >= this.#pausedUntil;
  }

  state(now: number): BucketState {
    const share = this.#share(now);
    const source: BucketSource = share !== undefined ? "share" : this.#failed ? "unreachable" : "shared";
    const paused = { pausedMs: Math.max(0, this.#pausedUntil - now), source };
    if (share !== undefined) return { ...share.state(now), ...paused };
    return { tokens: now < this.#validUntil ? this.#held : 0, ratePerSecond: this.#rate, ...paused };
  }

  close(): void {
    this.#abort.abort(new Error("the bucket is closed"));
  }

  /** While this replica is cut off and the others leave it its share, it has a bucket of its own. */
  #share(now: number): TokenBucket | undefined {
    const { replicas, alone } = this.#lender;
    if (replicas === undefined || !alone) {
      this.#ownShare = undefined;
      return undefined;
    }
    if (this.#ownShare === undefined) {
      const { name, ratePerSecond, burst } = this.#facts;
      const facts = { name, ratePerSecond: ratePerSecond / replicas, burst: burst / replicas };
      this.#ownShare = new TokenBucket(facts, this.key, now, 0);
    }
    return this.#ownShare;
  }

  #lease(need: number, want: number, now: number): void {
    const feedback = this.#feedback;
    if (now >= this.#validUntil) this.#held = 0;
    this.#ahead = this.#wanted(now);
    this.#leasing = true;
    this.#feedback = undefined;
    this.#spent = 0;
    this.#reportedAt = now;
    const request = {
      bucket: this.key,
      borrower: this.#borrower,
      ratePerSecond: this.#facts.ratePerSecond,
      burst: this.burst,
      held: this.#held,
      need,
      // Not everything at once: what is lent and unspent keeps the bucket from filling.
      want: Math.min(Math.max(want, this.#ahead), Math.max(need, this.burst / 8)),
      ...(feedback === undefined ? {} : { feedback: this.#aged(feedback, now) }),
    };
    this.#lender.lease(request, { signal: this.#abort.signal }).then(
      (lease) => this.#leased(lease, request, now),
      () => this.#notLeased(feedback),
    );
  }

  /** What was spent since the last report, for as long as tokens are borrowed ahead. */
  #wanted(now: number): number {
    const elapsed = now - this.#reportedAt;
    const latest =
      elapsed > 0 && Number.isFinite(elapsed) ? (this.#spent / Math.max(elapsed, 1)) * aheadMs : this.#spent;
    return Math.max(latest, this.#ahead / 2);
  }

  #aged(feedback: LimitFeedback, now: number): LimitFeedback {
    const { throttled } = feedback;
    if (throttled === undefined) return feedback;
    return {
      ...feedback,
      throttled: { ...throttled, admittedAgoMs: throttled.admittedAgoMs + now - this.#throttledAt },
    };
  }

  #leased(lease: Lease, { held: reported, want }: LeaseRequest, sentAt: number): void {
    const now = this.#clock.monotonic();
    this.#leasing = false;
    this.#failed = false;
    this.#rate = lease.ratePerSecond;
    this.#emptyAt = lease.tokens < want ? now : undefined;
    this.#pausedUntil = Math.max(this.#pausedUntil, now + lease.pausedMs);
    if (now >= this.#validUntil) this.#held = 0; // they lapsed while the request was on its way
    this.#validUntil = Math.max(this.#validUntil, sentAt + lease.validMs);
    if (now >= this.#validUntil) this.#held = 0;
    else if (this.#throttledAt <= sentAt) this.#held = Math.max(0, this.#held - reported + lease.kept) + lease.tokens;
    this.#askAgainAt = sentAt + Math.max(this.#paceMs, lease.retryMs);
    if (this.#feedback?.throttled !== undefined) this.#lease(0, 0, now);
    this.#changed();
  }

  #notLeased(feedback: LimitFeedback | undefined): void {
    this.#leasing = false;
    this.#failed = true;
    this.#feedback = { ...feedback, ...this.#feedback };
    this.#askAgainAt = this.#clock.monotonic() + failedMs;
    this.#changed();
  }
}
