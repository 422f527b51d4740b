import type { Clock, Timer } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { LimitRule } from "../core/limit-rule.ts";
import { FairQueue } from "./fair-queue.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What a waiting call gets when the guard is closed. */
export function guardClosed(): GuardError {
  return new GuardError("ERR_GUARD_CLOSED", "the guard was closed while this call waited; nothing was sent");
}

interface Waiter {
  readonly admit: () => void;
  readonly reject: (reason: unknown) => void;
}

/** One bucket and the calls that wait for its tokens. */
export class Gate {
  readonly rule: LimitRule;
  /** Rule, account and region. */
  readonly key: string;
  readonly bucket: TokenBucket;
  /** Set when the gate was dropped for idleness: look the key up again. */
  retired = false;
  readonly #clock: Clock;
  readonly #maxPerLane: number;
  readonly #queue = new FairQueue<Waiter>();
  #timer: Timer | undefined;

  constructor(rule: LimitRule, key: string, clock: Clock, maxPerLane: number) {
    this.rule = rule;
    this.key = key;
    this.bucket = new TokenBucket(rule.ratePerSecond as number, rule.burst as number, clock.monotonic());
    this.#clock = clock;
    this.#maxPerLane = maxPerLane;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Admits at once if nobody waits and there is a token. */
  tryEnter(now: number): boolean {
    return this.#queue.size === 0 && this.bucket.take(now);
  }

  /** Milliseconds until a call that came now would be admitted, if every lane keeps its turn. */
  expectedWaitMs(): number {
    const now = this.#clock.monotonic();
    return Math.ceil(this.bucket.waitMs(now) + (this.#queue.size / this.bucket.ratePerSecond) * 1000);
  }

  /**
   * Waits for a token. Leaves the queue and spends nothing when the signal aborts.
   * @throws {@link GuardError} `ERR_RATE_LIMIT_QUEUE_FULL` at once; `signal.reason`.
   */
  enter(lane: string, operation: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#queue.lengthOf(lane) >= this.#maxPerLane) {
      const message = `${operation}: ${this.#maxPerLane} calls of this cluster already wait for the limit "${this.rule.name}" (${this.rule.ratePerSecond}/s); look again later`;
      const requeueAfterMs = Math.max(1000, this.expectedWaitMs());
      return Promise.reject(new GuardError("ERR_RATE_LIMIT_QUEUE_FULL", message, { retryable: true, requeueAfterMs }));
    }
    return new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#queue.remove(ticket);
        reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", onAbort);
      const ticket = this.#queue.push(lane, {
        admit: () => {
          done();
          resolve();
        },
        reject: (reason) => {
          done();
          reject(reason);
        },
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#arm();
    });
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#queue.size === 0) return;
    const waitMs = Math.max(1, Math.ceil(this.bucket.waitMs(this.#clock.monotonic())));
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#serve();
    }, waitMs);
  }

  #serve(): void {
    const now = this.#clock.monotonic();
    while (this.#queue.size > 0 && this.bucket.take(now)) this.#queue.shift()?.admit();
    this.#arm();
  }

  /** Sends everybody away. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (let waiter = this.#queue.shift(); waiter !== undefined; waiter = this.#queue.shift()) {
      waiter.reject(guardClosed());
    }
  }
}
