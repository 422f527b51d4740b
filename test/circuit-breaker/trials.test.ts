import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { harness, ireland, type Request } from "./harness.ts";

type Step =
  | { readonly do: "call" }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "end"; readonly which: number; readonly how: "ok" | "outage" | "throttled" | "not-found" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: "call" } as const) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 30_000 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      which: fc.nat(20),
      how: fc.constantFrom("ok", "outage", "outage", "outage", "throttled", "not-found"),
    }),
  },
);

interface UnderWay {
  readonly request: Request;
  readonly endsAt: number;
}

/** Plays calls and their ends, and checks after every one what must always hold. */
async function play(trials: number, randoms: readonly number[], steps: readonly Step[]): Promise<void> {
  const trialTimeoutMs = 20_000;
  const maxOpenMs = 12_000;
  let drawn = 0;
  const { clock, begin, sent, breaker } = harness(
    { trials, trialTimeoutMs, maxOpenMs, openMs: 5_000, minimumAttempts: 2 },
    () => randoms[drawn++ % randoms.length] as number,
  );
  const going: Request[] = [];
  let halfOpen: UnderWay[] = [];
  let lastPauseMs = 0;
  const circuit = () => [...breaker.circuits()][0];

  for (const step of steps) {
    if (step.do === "wait") clock.advance(step.ms);
    else if (step.do === "call") {
      const before = sent();
      const request = begin(ireland);
      if (sent() > before) going.push(request);
      if (sent() > before && circuit()?.state === "halfOpen") {
        halfOpen.push({ request, endsAt: clock.monotonic() + trialTimeoutMs });
      }
    } else {
      const [request] = going.splice(step.which % Math.max(1, going.length), 1);
      if (request === undefined) continue;
      halfOpen = halfOpen.filter((trial) => trial.request !== request);
      const epoch = circuit()?.epoch;
      if (step.how === "ok") await request.succeed();
      else await request.fail({ class: step.how });
      const now = circuit();
      if (now?.state === "open" && now.epoch !== epoch) {
        const pauseMs = Math.round(now.waitMs()); // of a difference of floats
        expect(pauseMs).toBeGreaterThanOrEqual(lastPauseMs); // while failures go on
        expect(pauseMs).toBeLessThanOrEqual(maxOpenMs);
        lastPauseMs = pauseMs;
      }
    }
    if (circuit()?.state !== "halfOpen") halfOpen = [];
    if (circuit()?.state === "closed") lastPauseMs = 0;
    const now = clock.monotonic();
    expect(halfOpen.filter(({ endsAt }) => endsAt > now).length).toBeLessThanOrEqual(trials);
  }
}

describe("whatever happens in whatever order", () => {
  it("never more trials are under way than allowed, and pauses never shrink while failures go on", async () => {
    const schedule = fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 8 }),
      fc.array(step, { minLength: 40, maxLength: 160 }),
    );
    await fc.assert(
      fc.asyncProperty(schedule, (given) => play(...given)),
      { numRuns: 300 },
    );
  });
});
