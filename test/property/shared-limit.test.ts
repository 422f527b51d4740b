import fc from "fast-check";
import { createGuard, memoryState } from "provider-guard";
import { object } from "provider-guard/object";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { type LendingStore, type Line, lendingStore } from "../support/lending-store.ts";

const leaseMs = 1000;

class Throttled extends Error {}

interface Work {
  readonly weight: number;
  readonly outcome: "ok" | "throttled" | "outage";
  readonly takesMs: number;
  readonly signal?: AbortSignal;
}

type Step = { readonly afterMs: number } & (
  | { readonly kind: "call"; readonly replica: number; readonly work: Work; readonly patienceMs: number | undefined }
  | { readonly kind: "crash"; readonly replica: number }
  | { readonly kind: "line"; readonly replica: number; readonly line: Line }
  | { readonly kind: "flush" }
  | { readonly kind: "latency"; readonly ms: number }
);

interface Sent {
  readonly at: number;
  readonly weight: number;
}

interface World {
  readonly clock: SimulatedClock;
  readonly store: LendingStore;
  readonly sent: Sent[];
}

/** One replica: a whole guard on the shared store. A crashed one sends nothing any more. */
async function replicaOf({ clock, store, sent }: World, id: string, rule: { ratePerSecond: number; burst: number }) {
  let dead = false;
  const end = store.replica(id);
  const client = {
    async work({ weight, outcome, takesMs, signal }: Work) {
      if (dead) return;
      expect(signal?.aborted ?? false).toBe(false); // an aborted wait must never send
      sent.push({ at: clock.monotonic(), weight });
      if (takesMs > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, takesMs));
      if (outcome === "throttled") throw new Throttled();
      if (outcome === "outage") throw new Error("down");
    },
  };
  const guard = await createGuard({
    owner: { managementCluster: "mc", provider: "test" },
    audit: false,
    clock,
    circuitBreaker: false,
    state: { ...memoryState({ clock }), lender: end.lender },
    rateLimit: { rules: [{ name: "rule", ...rule, weight: "weight" }] },
  });
  const guarded = guard.wrap(
    client,
    object({
      cloud: "test",
      operations: { work: { kind: "update" } },
      errors: (error) => ({ class: error instanceof Throttled ? "throttled" : "outage" }),
    }),
  );
  return {
    end,
    guarded,
    guard,
    crash() {
      dead = true;
      end.line = "cut";
    },
  };
}

/** Plays a schedule on three replicas; returns what was sent when. */
async function play(rule: { ratePerSecond: number; burst: number }, steps: readonly Step[], declared?: number) {
  const clock = simulatedClock();
  const store = lendingStore(clock, leaseMs, declared);
  const world: World = { clock, store, sent: [] };
  let made = 0;
  const make = () => replicaOf(world, `r${made++}`, rule);
  const replicas = [await make(), await make(), await make()];
  const at = (index: number) => replicas[index % 3] as (typeof replicas)[number];
  for (const step of steps) {
    await clock.advance(step.afterMs);
    switch (step.kind) {
      case "call": {
        const controller = new AbortController();
        const work = { ...step.work, weight: Math.min(step.work.weight, rule.burst), signal: controller.signal };
        void at(step.replica)
          .guarded.work(work)
          .catch(() => undefined);
        if (step.patienceMs !== undefined) clock.setTimeout(() => controller.abort(), step.patienceMs);
        break;
      }
      case "crash":
        at(step.replica).crash(); // and another one takes its place
        replicas[step.replica % 3] = await make();
        break;
      case "line":
        at(step.replica).end.line = step.line;
        break;
      case "flush":
        store.flush();
        break;
      case "latency":
        store.latencyMs = step.ms;
    }
  }
  await clock.advance(5_000);
  return world.sent;
}

/** The most that any window had over what it may have. */
function excess(sent: readonly Sent[], { ratePerSecond, burst }: { ratePerSecond: number; burst: number }): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let first = 0; first < sent.length; first++) {
    let total = 0;
    for (let last = first; last < sent.length; last++) {
      total += (sent[last] as Sent).weight;
      const seconds = ((sent[last] as Sent).at - (sent[first] as Sent).at) / 1000;
      most = Math.max(most, total - (burst + ratePerSecond * seconds));
    }
  }
  return most;
}

const replica = fc.nat({ max: 2 });
const work = fc.record({
  weight: fc.constantFrom(1, 1, 1, 2, 5),
  outcome: fc.constantFrom("ok" as const, "ok" as const, "ok" as const, "throttled" as const, "outage" as const),
  takesMs: fc.integer({ min: 0, max: 500 }),
});
const call = fc.record({
  kind: fc.constant("call" as const),
  afterMs: fc.constantFrom(0, 0, 0, 1, 10, 100, 400),
  replica,
  work,
  patienceMs: fc.option(fc.integer({ min: 0, max: 2000 }), { nil: undefined }),
});
const pause = { afterMs: fc.integer({ min: 0, max: 1500 }) };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: call },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), replica, ...pause }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("line" as const),
      replica,
      line: fc.constantFrom<Line>("good", "good", "cut", "deaf"),
      ...pause,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const), ...pause }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("latency" as const), ms: fc.constantFrom(0, 1, 50, 300, 490), ...pause }),
  },
);
const rule = fc.record({
  ratePerSecond: fc.double({ min: 0.5, max: 50, noNaN: true }),
  burst: fc.integer({ min: 1, max: 20 }),
});
const numRuns = Number(process.env.PROPERTY_RUNS ?? 150);

describe("replicas that share a limit", () => {
  it("never admit more than it together, for any schedule of arrivals, aborts, crashes, outages, flushes and feedback", async () => {
    await fc.assert(
      fc.asyncProperty(rule, fc.array(step, { minLength: 1, maxLength: 80, size: "max" }), async (figures, steps) => {
        expect(excess(await play(figures, steps), figures)).toBeLessThanOrEqual(1e-6);
      }),
      { numRuns },
    );
  }, 120_000);

  it("never admit more than it where those who are cut off go on with their share", async () => {
    const good = step.filter(({ kind }) => kind !== "crash"); // a replacement counts as a fourth until the crashed one is forgotten
    await fc.assert(
      fc.asyncProperty(rule, fc.array(good, { minLength: 1, maxLength: 80, size: "max" }), async (figures, steps) => {
        expect(excess(await play(figures, steps, 3), figures)).toBeLessThanOrEqual(1e-6);
      }),
      { numRuns },
    );
  }, 120_000);
});
