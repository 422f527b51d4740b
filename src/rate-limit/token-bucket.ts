/** Share of the rate that is left after a throttled answer. */
const decrease = 0.5;
/** Share of the rule's rate that success gives back per second. */
const increasePerSecond = 0.05;
/** The rate never falls below this share of the rule's. */
const floor = 0.02;

/**
 * A fractional token bucket that learns: a throttled answer lowers the rate at once, success
 * restores it bit by bit, and it never rises above the rule. In any window of length t it admits
 * at most `burst + ratePerSecond × t`.
 *
 * All times are monotonic milliseconds.
 */
export class TokenBucket {
  readonly #maxRate: number; // tokens per millisecond
  readonly #burst: number;
  #rate: number;
  #tokens: number;
  #refilledAt: number;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #loweredAt = Number.NEGATIVE_INFINITY;
  #raisedAt: number;

  constructor(ratePerSecond: number, burst: number, now: number) {
    this.#maxRate = ratePerSecond / 1000;
    this.#burst = burst;
    this.#rate = this.#maxRate;
    this.#tokens = burst;
    this.#refilledAt = now;
    this.#raisedAt = now;
  }

  #refill(now: number): void {
    if (now <= this.#refilledAt) return;
    const tokens = this.#tokens + (now - this.#refilledAt) * this.#rate;
    this.#tokens = Math.min(tokens, this.#burst);
    this.#refilledAt = now;
  }

  /** Takes one token if there is one. */
  take(now: number): boolean {
    if (now < this.#pausedUntil) return false;
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Gives back a token of a request that never left. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }

  /** Milliseconds until one token is there, 0 if there is one now. */
  waitMs(now: number): number {
    this.#refill(now);
    const forToken = this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#rate;
    return Math.max(forToken, this.#pausedUntil - now, 0);
  }

  /**
   * The cloud throttled a request. Requests that left before the last lowering tell nothing new.
   *
   * @param sentAt - When the request was admitted.
   * @param retryAfterMs - How long the cloud asked to be left alone.
   */
  throttled(now: number, sentAt: number, retryAfterMs = 0): void {
    this.#refill(now);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + retryAfterMs);
    if (sentAt < this.#loweredAt) return;
    this.#tokens = Math.min(this.#tokens, 0);
    this.#rate = Math.max(this.#maxRate * floor, this.#rate * decrease);
    this.#loweredAt = now;
    this.#raisedAt = now;
  }

  /** A request was answered without being throttled. */
  succeeded(now: number): void {
    if (this.#rate === this.#maxRate || now <= this.#raisedAt) return;
    this.#refill(now);
    const step = ((now - this.#raisedAt) / 1000) * increasePerSecond * this.#maxRate;
    this.#rate = Math.min(this.#maxRate, this.#rate + step);
    this.#raisedAt = now;
  }

  /** Whether a new bucket would behave no differently. */
  isIdle(now: number): boolean {
    this.#refill(now);
    return this.#tokens === this.#burst && this.#rate === this.#maxRate && now >= this.#pausedUntil;
  }

  /** Tokens per second at present. */
  get ratePerSecond(): number {
    return this.#rate * 1000;
  }

  /** Tokens at hand, for metrics. */
  tokens(now: number): number {
    this.#refill(now);
    return this.#tokens;
  }
}
