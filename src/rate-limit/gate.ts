import { onAbort } from "../core/abort.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { LimitRule } from "../core/limit-rule.ts";
import { FairQueue, type Ticket } from "./fair-queue.ts";
import type { Contender, Tap } from "./tap.ts";

/** What a waiting call gets when the guard is closed. */
export function guardClosed(): GuardError {
  return new GuardError("ERR_GUARD_CLOSED", "the guard was closed while this call waited; nothing was sent");
}

/** A call that wants to be admitted. */
export interface Entrant {
  /** What its owner is called, so that owners are served fairly. */
  readonly lane: string;
  /** The owner's share of the limit, against 1 for everybody else. */
  readonly share: number;
  /** 0 to 9, higher first among the calls of one owner. */
  readonly priority: number;
  /** Tokens of each of the rule's buckets. */
  readonly weights: readonly number[];
  readonly operation: string;
  readonly signal: AbortSignal | undefined;
  /** When waiting makes no sense any more, in monotonic milliseconds. */
  readonly deadlineAt: number;
}

interface Waiter {
  readonly weights: readonly number[];
  readonly admit: (now: number) => void;
  readonly reject: (reason: unknown) => void;
}

/** How far ahead of a later call each step of priority puts one: so nobody waits for ever. */
const headStartMs = 10_000;
let turns = 0;

/** The calls that wait under one rule, and the buckets that they take from. */
export class Gate implements Contender {
  readonly rule: LimitRule;
  readonly taps: readonly Tap[];
  /** Set when the gate was dropped for idleness: look for another. */
  retired = false;
  turn = 0;
  readonly #clock: Clock;
  readonly #maxPerLane: number;
  #queue: FairQueue<Waiter> | undefined;
  #timer: Timer | undefined;
  #serving = false;

  constructor(rule: LimitRule, taps: readonly Tap[], clock: Clock, maxPerLane: number) {
    this.rule = rule;
    this.taps = taps;
    this.#clock = clock;
    this.#maxPerLane = maxPerLane;
  }

  get waiting(): number {
    return this.#queue?.size ?? 0;
  }

  /** Admits at once if nobody waits and every bucket has the tokens: from all of them or from none. */
  tryEnter(weights: readonly number[], now: number): boolean {
    for (let index = 0; index < this.taps.length; index++) {
      const tap = this.taps[index] as Tap;
      if (!tap.isOpenTo(undefined) || !tap.bucket.has(weights[index] as number, now)) return false;
    }
    this.#take(weights, now);
    return true;
  }

  /** Gives back the tokens of a request that never left. */
  giveBack(weights: readonly number[], takenAt: number): void {
    const now = this.#clock.monotonic();
    for (const [index, { bucket }] of this.taps.entries()) bucket.giveBack(weights[index] as number, takenAt, now);
  }

  /** Milliseconds until such a call would be admitted if it came now, everybody else keeping their turn. */
  expectedWaitMs({ lane, share, weights }: Pick<Entrant, "lane" | "share" | "weights">): number {
    const now = this.#clock.monotonic();
    const seconds = this.#queue?.costBefore(lane, this.#cost(weights), share) ?? 0;
    let waitMs = 0;
    let saved = Number.POSITIVE_INFINITY;
    let slowest = 1;
    for (const [index, { bucket, facts }] of this.taps.entries()) {
      const { ratePerSecond, pausedMs } = bucket.state(now);
      const tokens = bucket.likely(now);
      saved = Math.min(saved, tokens / facts.ratePerSecond);
      slowest = Math.min(slowest, ratePerSecond / facts.ratePerSecond);
      const missing = Math.max(0, (weights[index] as number) - tokens);
      waitMs = Math.max(waitMs, pausedMs, (missing / ratePerSecond) * 1000);
    }
    return Math.ceil(Math.max(waitMs, ((seconds - saved) * 1000) / slowest));
  }

  /**
   * Waits for the tokens. Leaves the queue and spends nothing when the signal aborts.
   * @returns When it was admitted, in monotonic milliseconds.
   * @throws {@link GuardError} `ERR_RATE_LIMIT_QUEUE_FULL`, `ERR_RATE_LIMIT_DEADLINE`; `signal.reason`.
   */
  async enter(entrant: Entrant): Promise<number> {
    const { lane, share, priority, weights, operation, signal, deadlineAt } = entrant;
    signal?.throwIfAborted();
    const expectedMs = this.expectedWaitMs(entrant);
    this.#queue ??= new FairQueue();
    if (this.#queue.lengthOf(lane) >= this.#maxPerLane) {
      const message = `${operation}: ${this.#maxPerLane} calls of this cluster already wait for the limit "${this.rule.name}"; look again later`;
      const requeueAfterMs = Math.max(1000, expectedMs);
      throw new GuardError("ERR_RATE_LIMIT_QUEUE_FULL", message, { retryable: true, requeueAfterMs });
    }
    const now = this.#clock.monotonic();
    const late = (requeueAfterMs: number) =>
      new GuardError(
        "ERR_RATE_LIMIT_DEADLINE",
        `${operation}: its turn under the limit "${this.rule.name}" does not come within the ${Math.max(0, Math.round(deadlineAt - now))} ms that it may wait${this.#outage()}; nothing was sent`,
        { retryable: true, requeueAfterMs: Math.max(1000, requeueAfterMs) },
      );
    if (now + expectedMs > deadlineAt) throw late(expectedMs);
    const queue = this.#queue;
    return new Promise<number>((resolve, reject) => {
      const leave = (reason: unknown) => {
        settled();
        this.#remove(ticket);
        reject(reason);
      };
      let waiting = true;
      const deadline = this.#clock.setTimeout(() => {
        this.serve(); // its tokens may be there this very moment
        if (waiting) leave(late(this.expectedWaitMs(entrant)));
      }, deadlineAt - now);
      const settled = () => {
        waiting = false;
        listenNoMore();
        deadline.cancel();
      };
      const waiter: Waiter = {
        weights,
        admit: (at) => {
          settled();
          resolve(at);
        },
        reject: (reason) => {
          settled();
          reject(reason);
        },
      };
      const rank = now - priority * headStartMs;
      const ticket: Ticket<Waiter> = queue.push(lane, waiter, this.#cost(weights), rank, share);
      const listenNoMore = onAbort(signal, () => leave(signal?.reason));
      if (queue.peek()?.item === waiter) this.#newHead();
    });
  }

  /** Admits whom it can, and arranges for the next try. */
  serve(): void {
    if (this.#serving) return; // whoever serves looks again anyway
    this.#serving = true;
    const now = this.#clock.monotonic();
    for (let next = this.#queue?.peek(); next !== undefined; next = this.#queue?.peek()) {
      if (!this.#ready(next.item.weights, now)) break;
      this.#queue?.shift();
      this.#take(next.item.weights, now);
      this.turn = ++turns;
      this.#leaveTaps();
      next.item.admit(now);
    }
    this.#serving = false;
    this.#arm(now);
  }

  /** Sends everybody away. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const queue = this.#queue;
    this.#queue = undefined;
    for (let waiter = queue?.shift(); waiter !== undefined; waiter = queue?.shift()) waiter.reject(guardClosed());
    this.#leaveTaps();
  }

  #outage(): string {
    const now = this.#clock.monotonic();
    const lost = this.taps.some(({ bucket }) => bucket.state(now).source === "unreachable");
    return lost ? ": the state store that lends its tokens cannot be reached" : "";
  }

  /** The part of a second that a call takes from the bucket that it takes most from. */
  #cost(weights: readonly number[]): number {
    let cost = 0;
    for (const [index, { facts }] of this.taps.entries()) {
      cost = Math.max(cost, (weights[index] as number) / facts.ratePerSecond);
    }
    return cost;
  }

  #take(weights: readonly number[], now: number): void {
    for (let index = 0; index < this.taps.length; index++) {
      (this.taps[index] as Tap).bucket.take(weights[index] as number, now);
    }
  }

  /** Whether all of it can be taken now; where not, waits at the taps that lack. */
  #ready(weights: readonly number[], now: number): boolean {
    let ready = true;
    for (const [index, tap] of this.taps.entries()) {
      if (tap.isOpenTo(this) && tap.bucket.has(weights[index] as number, now)) continue;
      tap.join(this);
      ready = false;
    }
    return ready;
  }

  #leaveTaps(): void {
    for (const tap of this.taps) tap.leave(this);
  }

  /** Another call is first now, and may need less: it waits in its own right. */
  #newHead(): void {
    this.turn = ++turns;
    this.#leaveTaps();
    this.serve();
  }

  #remove(ticket: Ticket<Waiter>): void {
    const wasFirst = this.#queue?.peek()?.item === ticket.item;
    this.#queue?.remove(ticket);
    if (wasFirst) this.#newHead();
  }

  #arm(now: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const next = this.#queue?.peek();
    if (next === undefined) return;
    let waitMs = 0;
    for (const [index, tap] of this.taps.entries()) {
      if (!tap.isOpenTo(this)) continue; // it lets us know
      const need = next.item.weights[index] as number;
      if (tap.bucket.has(need, now)) continue;
      tap.bucket.demand(need, need * this.waiting, now);
      waitMs = Math.max(waitMs, tap.bucket.waitMs(need, now));
    }
    if (waitMs === 0 || waitMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.serve();
      },
      Math.max(1, Math.ceil(waitMs)),
    );
  }
}
