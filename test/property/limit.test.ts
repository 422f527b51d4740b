import fc from "fast-check";
import { createGuard } from "provider-guard";
import { object } from "provider-guard/object";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";

interface Arrival {
  readonly afterMs: number;
  readonly cluster: string;
  /** Milliseconds after which the caller gives up. */
  readonly patienceMs: number | undefined;
  readonly outcome: "ok" | "throttled" | "outage";
  readonly takesMs: number;
}

class Throttled extends Error {}

const arrival: fc.Arbitrary<Arrival> = fc.record({
  afterMs: fc.integer({ min: 0, max: 300 }),
  cluster: fc.constantFrom("a", "b", "c"),
  patienceMs: fc.option(fc.integer({ min: 0, max: 2000 }), { nil: undefined }),
  outcome: fc.constantFrom("ok", "ok", "ok", "throttled", "outage"),
  takesMs: fc.integer({ min: 0, max: 500 }),
});

/** Plays one schedule through a whole guard; returns when requests left, and checks what must never happen. */
async function play(ratePerSecond: number, burst: number, arrivals: readonly Arrival[]): Promise<number[]> {
  const clock = simulatedClock();
  const sent: number[] = [];
  const gaveUp = new Set<number>();
  const client = {
    async work({ index, outcome, takesMs }: Arrival & { index: number; signal?: AbortSignal }) {
      expect(gaveUp.has(index)).toBe(false); // an aborted wait must never send
      sent.push(clock.monotonic());
      if (takesMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, takesMs));
      if (outcome === "throttled") throw new Throttled();
      if (outcome === "outage") throw new Error("down");
    },
  };
  const guard = await createGuard({
    owner: { managementCluster: "mc", provider: "test" },
    audit: false,
    clock,
    circuitBreaker: false,
    rateLimit: { rules: [{ name: "rule", ratePerSecond, burst }] },
  });
  const guarded = guard.wrap(
    client,
    object({
      cloud: "test",
      operations: { work: { kind: "update" } },
      errors: (error) => ({ class: error instanceof Throttled ? "throttled" : "outage" }),
    }),
  );
  const calls: Promise<unknown>[] = [];
  for (const [index, one] of arrivals.entries()) {
    await clock.advance(one.afterMs);
    const controller = new AbortController();
    const cluster = { namespace: "d", name: one.cluster, uid: one.cluster };
    const input = { ...one, index, signal: controller.signal };
    const call = guard.reconcile({ cluster }, () => guarded.work(input)).catch(() => undefined);
    calls.push(call);
    if (one.patienceMs !== undefined) {
      clock.setTimeout(() => {
        gaveUp.add(index);
        controller.abort(new Error("gave up"));
      }, one.patienceMs);
    }
  }
  await clock.runUntil(Promise.all(calls));
  await guard.close();
  return sent;
}

it("never admits more than the limit, and never sends what was aborted, for any schedule of arrivals, aborts and throttling", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0.5, max: 50, noNaN: true }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(arrival, { minLength: 1, maxLength: 60, size: "max" }),
      async (ratePerSecond, burst, arrivals) => {
        const sent = await play(ratePerSecond, burst, arrivals);
        for (let first = 0; first < sent.length; first++) {
          for (let last = first; last < sent.length; last++) {
            const seconds = ((sent[last] as number) - (sent[first] as number)) / 1000;
            expect(last - first + 1).toBeLessThanOrEqual(burst + ratePerSecond * seconds + 1e-6);
          }
        }
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);
