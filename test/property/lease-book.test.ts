import fc from "fast-check";
import type { Lease } from "provider-guard";
import { describe, expect, it } from "vitest";
import { type BookPage, lend, newPage } from "../../src/rate-limit/lease-book.ts";
import { attend, noMembers } from "../../src/rate-limit/membership.ts";

const leaseMs = 1000;
const timeoutMs = 500;

type Step = { readonly afterMs: number; readonly who: number } & (
  | {
      readonly kind: "lease";
      readonly need: number;
      readonly want: number;
      readonly thereMs: number;
      /** `undefined`: the answer is lost. */
      readonly backMs: number | undefined;
      readonly throttled: boolean;
      readonly succeeded: boolean;
    }
  | { readonly kind: "spend"; readonly tokens: number }
  | { readonly kind: "crash" }
  | { readonly kind: "flush" }
);

interface Borrowing {
  tokens: number;
  validUntil: number;
  asking: boolean;
  /** When the latest request can have arrived. */
  askedAt: number;
  /** When its own part was last counted. */
  countedAt: number;
  own: number;
}

const newcomer = (now: number): Borrowing => ({
  tokens: 0,
  validUntil: -1,
  asking: false,
  askedAt: now,
  countedAt: now,
  own: 0,
});

/** Borrowers that spend and ask as badly as the rules allow. */
class World {
  readonly spent: { at: number; tokens: number }[] = [];
  now = 0;
  readonly #figures: { ratePerSecond: number; burst: number };
  readonly #declared: number | undefined;
  readonly #events: { at: number; run: () => void }[] = [];
  /** Each process has a name of its own. */
  readonly #names = ["a", "b", "c"];
  readonly #held = new Map(this.#names.map((name) => [name, newcomer(0)]));
  #processes = 3;
  #page: BookPage | undefined;
  #members = noMembers();
  #epochAt = Number.NEGATIVE_INFINITY;

  constructor(figures: { ratePerSecond: number; burst: number }, declared: number | undefined) {
    this.#figures = figures;
    this.#declared = declared;
  }

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      this.#events.sort((a, b) => a.at - b.at);
      const next = this.#events[0];
      if (next === undefined || next.at > until) break;
      this.#events.shift();
      this.now = next.at;
      next.run();
    }
    this.now = until;
  }

  play(step: Step): void {
    this.advance(step.afterMs);
    const name = this.#names[step.who] as string;
    const mine = this.#held.get(name) as Borrowing;
    if (this.now >= mine.validUntil) mine.tokens = 0;
    if (step.kind === "flush") {
      this.#page = undefined;
      this.#members = noMembers();
      this.#epochAt = this.now;
    } else if (step.kind === "crash") {
      const next = `process ${++this.#processes}`;
      this.#names[step.who] = next;
      this.#held.set(next, newcomer(this.now + 1e6)); // what takes its place is not alone for now
    } else if (step.kind === "spend") {
      const alone = this.#declared !== undefined && this.#countOwn(mine);
      const tokens = Math.min(step.tokens, Math.floor(alone ? mine.own : mine.tokens));
      if (tokens === 0) return;
      if (alone) mine.own -= tokens;
      else mine.tokens -= tokens;
      this.spent.push({ at: this.now, tokens });
    } else if (step.kind === "lease" && !mine.asking) this.#ask(name, mine, step);
  }

  /** A borrower that has not asked for long enough spends its own part. @returns Whether it does. */
  #countOwn(mine: Borrowing): boolean {
    const from = Math.max(mine.askedAt + 2 * leaseMs, mine.countedAt);
    if (mine.asking || this.now < from) return false;
    const { ratePerSecond, burst } = this.#figures;
    mine.own = Math.min(burst / 3, mine.own + ((this.now - from) * ratePerSecond) / 3000);
    mine.countedAt = this.now;
    return true;
  }

  #ask(name: string, mine: Borrowing, step: Step & { kind: "lease" }): void {
    const sentAt = this.now;
    const held = mine.tokens;
    mine.asking = true;
    mine.own = 0;
    const after = (ms: number, run: () => void) => void this.#events.push({ at: this.now + ms, run });
    const failed = () => {
      mine.asking = false;
      mine.askedAt = this.now;
    };
    const { thereMs, backMs } = step;
    const inTime = backMs !== undefined && thereMs + backMs <= timeoutMs;
    // Who gave up does not listen any more, and whoever comes too late is turned away.
    if (thereMs <= timeoutMs) {
      after(thereMs, () => {
        const lease = this.#serve(name, held, step);
        if (inTime) after(backMs, () => this.#answered(mine, lease, held, sentAt));
      });
    }
    if (!inTime) after(timeoutMs, failed);
  }

  #answered(mine: Borrowing, lease: Lease, held: number, sentAt: number): void {
    mine.asking = false;
    mine.askedAt = this.now;
    if (this.now >= mine.validUntil) mine.tokens = 0;
    mine.validUntil = Math.max(mine.validUntil, sentAt + lease.validMs);
    if (this.now < mine.validUntil) mine.tokens = Math.max(0, mine.tokens - held + lease.kept) + lease.tokens;
  }

  #serve(name: string, held: number, step: Step & { kind: "lease" }) {
    const { ratePerSecond, burst } = this.#figures;
    this.#page ??= newPage(this.#epochAt + leaseMs);
    const pool =
      this.#declared === undefined ? undefined : attend(this.#members, name, this.now, leaseMs, this.#declared);
    const feedback = {
      ...(step.throttled ? { throttled: { admittedAgoMs: 1, retryAfterMs: 0 } } : {}),
      succeeded: step.succeeded,
    };
    const request = { bucket: "one", ratePerSecond, burst, held, need: step.need, want: step.want, feedback };
    return lend(this.#page, name, request, this.now, { leaseMs, pool });
  }
}

function excess(spent: World["spent"], { ratePerSecond, burst }: { ratePerSecond: number; burst: number }): number {
  let most = 0;
  for (let first = 0; first < spent.length; first++) {
    let total = 0;
    for (let last = first; last < spent.length; last++) {
      const { at, tokens } = spent[last] as World["spent"][number];
      total += tokens;
      most = Math.max(most, total - burst - (ratePerSecond * (at - (spent[first] as { at: number }).at)) / 1000);
    }
  }
  return most;
}

const base = {
  afterMs: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0, 0, 0, 1, 5) },
    { weight: 3, arbitrary: fc.constantFrom(500, 990, 999, 1000) },
    { weight: 1, arbitrary: fc.constantFrom(2000, 2500, 3500) },
  ),
  who: fc.nat({ max: 2 }),
};
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("lease" as const),
      ...base,
      need: fc.nat({ max: 4 }),
      want: fc.nat({ max: 20 }),
      thereMs: fc.constantFrom(0, 0, 0, 0, 1, 100, 700),
      backMs: fc.option(fc.constantFrom(0, 0, 0, 0, 1, 100, 700), { nil: undefined, freq: 8 }),
      throttled: fc.constantFrom(...new Array<boolean>(30).fill(false), true),
      succeeded: fc.boolean(),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant("spend" as const), ...base, tokens: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), ...base }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const), ...base }) },
);
const figures = fc.record({
  ratePerSecond: fc.constantFrom(0.5, 1, 3, 10, 20),
  burst: fc.constantFrom(1, 2, 5, 10, 20),
});

describe("the lease book", () => {
  it.each([undefined, 3])(
    "lets no window have more than burst + rate × length, whatever borrowers do (replicas: %s)",
    (declared) => {
      let total = 0;
      fc.assert(
        fc.property(figures, fc.array(step, { minLength: 5, maxLength: 60, size: "max" }), (limit, steps) => {
          const world = new World(limit, declared);
          for (const one of steps) world.play(one);
          total += world.spent.length;
          expect(excess(world.spent, limit)).toBeLessThanOrEqual(1e-6);
        }),
        { numRuns: Number(process.env.PROPERTY_RUNS ?? 6000) },
      );
      expect(total).toBeGreaterThan(0);
    },
    120_000,
  );
});
