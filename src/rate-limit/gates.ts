import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { type BucketKey, bucketsOf, type LimitBucket, type LimitRule } from "../core/limit-rule.ts";
import type { Target } from "../core/target.ts";
import type { TokenLender } from "../core/token-lender.ts";
import { Gate } from "./gate.ts";
import { ruleFor } from "./rules.ts";
import { SharedBucket } from "./shared-bucket.ts";
import { Tap } from "./tap.ts";
import { TokenBucket } from "./token-bucket.ts";

const defaultKeys: readonly BucketKey[] = ["account", "region"];

function labelsOf({ per = defaultKeys }: LimitBucket, { target, operation, owner }: Call): Record<string, string> {
  const values: Record<BucketKey, string> = {
    account: target.account,
    region: target.region,
    service: target.service,
    operation,
    cluster: owner.cluster?.uid ?? "",
  };
  return { cloud: target.cloud, ...Object.fromEntries(per.map((key) => [key, values[key]])) };
}

const isPerCluster = (rule: LimitRule) => bucketsOf(rule).some(({ per }) => per?.includes("cluster"));

/** What the gates of one rate limit have in common. */
export interface GatesContext {
  readonly clock: Clock;
  readonly rules: readonly LimitRule[];
  readonly maxWaitingPerCluster: number;
  /** Lends the tokens where replicas share the limits. */
  readonly lender: TokenLender | undefined;
  /** Names this rate limit among all in this process. */
  readonly borrower: string;
}

/** Finds each call's gate, and forgets gates and buckets that behave like new ones. */
export class Gates {
  readonly #context: GatesContext;
  readonly #gates = new Map<string, Gate>();
  readonly #taps = new Map<string, Tap>();
  readonly #ofTarget = new WeakMap<Target, Gate>(); // a target object belongs to one operation of one client
  #sweepAt = 1024;

  constructor(context: GatesContext) {
    this.#context = context;
  }

  get taps(): Iterable<Tap> {
    return this.#taps.values();
  }

  /** Calls that wait for a bucket. */
  waitingAt(tap: Tap): number {
    let waiting = 0;
    for (const gate of this.#gates.values()) if (gate.taps.includes(tap)) waiting += gate.waiting;
    return waiting;
  }

  of(call: Call): Gate {
    const gate = this.#ofTarget.get(call.target);
    return gate === undefined || gate.retired ? this.#find(call) : gate;
  }

  close(): void {
    for (const gate of this.#gates.values()) gate.close();
    for (const { bucket } of this.#taps.values()) bucket.close();
    this.#gates.clear();
    this.#taps.clear();
  }

  #find(call: Call): Gate {
    const { clock, rules, maxWaitingPerCluster } = this.#context;
    const rule = ruleFor(call, rules);
    const buckets = bucketsOf(rule).map((facts) => {
      const labels = labelsOf(facts, call);
      return { facts, labels, key: [facts.name, ...Object.values(labels)].join("|") };
    });
    const key = `${rule.name}\n${buckets.map((bucket) => bucket.key).join("\n")}`;
    let gate = this.#gates.get(key);
    if (gate === undefined) {
      if (this.#gates.size >= this.#sweepAt) this.#sweep();
      const taps = buckets.map(({ facts, labels, key }) => this.#tap(facts, labels, key));
      gate = new Gate(rule, taps, clock, maxWaitingPerCluster);
      this.#gates.set(key, gate);
    }
    if (!isPerCluster(rule)) this.#ofTarget.set(call.target, gate);
    return gate;
  }

  #tap(facts: LimitBucket, labels: Readonly<Record<string, string>>, key: string): Tap {
    const known = this.#taps.get(key);
    if (known !== undefined) return known;
    const { clock, lender, borrower } = this.#context;
    const bucket =
      lender === undefined
        ? new TokenBucket(facts, key, clock.monotonic())
        : new SharedBucket(facts, key, { lender, borrower, clock, changed: () => tap.serve() });
    const tap: Tap = new Tap(bucket, facts, labels);
    this.#taps.set(key, tap);
    return tap;
  }

  #sweep(): void {
    const now = this.#context.clock.monotonic();
    const needed = new Set<Tap>();
    for (const [key, gate] of this.#gates) {
      if (gate.waiting > 0 || !gate.taps.every(({ bucket }) => bucket.isIdle(now))) {
        for (const tap of gate.taps) needed.add(tap);
        continue;
      }
      gate.retired = true;
      this.#gates.delete(key);
    }
    for (const [key, tap] of this.#taps) if (!needed.has(tap)) this.#taps.delete(key);
    this.#sweepAt = Math.max(1024, this.#gates.size * 2);
  }
}
