import fc from "fast-check";
import { memoryState } from "provider-guard";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { windowBook } from "../../src/quota/window-budget.ts";
import { type Replica, replica, type Weather, weathered } from "./replicas.ts";

const windowMs = 60_000;
const reservationMs = 5_000;

interface Step {
  readonly afterMs: number;
  readonly replica: number;
  readonly act: "call" | "crash" | "jump";
  readonly units: number;
  readonly takesMs: number;
  /** When the cloud does it, as a share of the time that the call takes. */
  readonly doneAt: number;
  readonly end: "used" | "open" | "free";
  readonly jumpMs: number;
}

const step = (acts: readonly Step["act"][], skewMs: number): fc.Arbitrary<Step> =>
  fc.record({
    afterMs: fc.integer({ min: 0, max: 8_000 }),
    replica: fc.integer({ min: 0, max: 2 }),
    act: fc.constantFrom("call", "call", "call", "call", ...acts),
    units: fc.integer({ min: 1, max: 3 }),
    takesMs: fc.integer({ min: 0, max: 15_000 }),
    doneAt: fc.double({ min: 0, max: 1, noNaN: true }),
    end: fc.constantFrom("used", "used", "open", "free"),
    jumpMs: fc.integer({ min: -skewMs, max: skewMs }),
  });

interface Done {
  readonly at: number;
  readonly units: number;
}

/** Plays a schedule; returns what the cloud has done, and when. */
async function play(limit: number, steps: readonly Step[], weather: Weather): Promise<Done[]> {
  const clock = simulatedClock();
  const state = weathered(memoryState({ clock }), clock, weather);
  const book = windowBook({ name: "w", windowMs, limit, afterCrash: "count" });
  const replicas = [0, 1, 2].map(() => replica("w", book, clock, state, reservationMs));
  const done: Done[] = [];

  async function call({ ledger, clock: own }: Replica<never>, { units, takesMs, doneAt, end }: Step, id: string) {
    const answer = await ledger.reserve({ id, units, lenient: false, abandoned: "free" }, undefined);
    if (!answer.granted) return;
    if (end !== "free") own.setTimeout(() => done.push({ at: clock.monotonic(), units }), takesMs * doneAt);
    own.setTimeout(() => ledger.settle({ id, units }, end), takesMs);
  }

  for (const [index, one] of steps.entries()) {
    await clock.advance(one.afterMs);
    const chosen = replicas[one.replica] as Replica<never>;
    if (one.act === "crash") chosen.crash();
    else if (one.act === "jump") chosen.aheadMs = one.jumpMs;
    else void call(chosen, one, `call-${index}`).catch(() => {}); // the store is away
  }
  await clock.advance(2 * windowMs);
  return done;
}

function mostInAnyWindow(done: readonly Done[], lengthMs: number): number {
  const sums = done.map(({ at: from }) =>
    done.reduce((sum, { at, units }) => (at >= from && at < from + lengthMs ? sum + units : sum), 0),
  );
  return Math.max(0, ...sums);
}

const limits = fc.integer({ min: 1, max: 8 });
const steps = (acts: readonly Step["act"][], skewMs = 0) =>
  fc.array(step(acts, skewMs), { minLength: 10, maxLength: 60 });

it.each<[string, readonly Step["act"][], Weather]>([
  ["crashes", ["crash"], { slowMs: 0, failing: 0 }],
  ["crashes on a slow store that makes many lose their races", ["crash"], { slowMs: 40, failing: 0 }],
  ["a store that loses requests and answers", [], { slowMs: 20, failing: 0.2 }],
])(
  "no window of any position holds more than the limit, for any schedule of calls and %s",
  async (_what, acts, weather) => {
    await fc.assert(
      fc.asyncProperty(limits, steps(acts), async (limit, schedule) => {
        expect(mostInAnyWindow(await play(limit, schedule, weather), windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 60 },
    );
  },
  60_000,
);

it.each([1_000, 25_000])(
  "clocks that are wrong by up to %i ms free units no earlier than they differ",
  async (skewMs) => {
    await fc.assert(
      fc.asyncProperty(limits, steps(["jump", "crash"], skewMs), async (limit, schedule) => {
        const done = await play(limit, schedule, { slowMs: 0, failing: 0 });
        expect(mostInAnyWindow(done, windowMs - 2 * skewMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 60 },
    );
  },
  60_000,
);

it("uses the whole limit: what was given back and what has left the window is there again", async () => {
  const always = { afterMs: 1_000, replica: 0, act: "call", units: 1, takesMs: 0, doneAt: 0, jumpMs: 0 } as const;
  const schedule = Array.from({ length: 300 }, (_, n) => ({ ...always, end: n % 3 === 0 ? "free" : "used" }) as const);
  const done = await play(10, schedule, { slowMs: 0, failing: 0 });
  expect(done.length).toBeGreaterThanOrEqual(40); // 300 s are five windows, less a slice each
});
