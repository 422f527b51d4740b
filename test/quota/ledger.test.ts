import { memoryState, type StateStore } from "provider-guard";
import { type SimulatedClock, seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { type Ledger, openLedger } from "../../src/quota/ledger.ts";
import { type WindowDocument, windowBook } from "../../src/quota/window-budget.ts";
import { sharedState } from "../support/shared-state.ts";

const book = windowBook({ name: "w", windowMs: 3_600_000, limit: 10 });
const reservationMs = 60_000;

function open(clock: SimulatedClock, state: StateStore, seed = 1): Ledger<WindowDocument> {
  return openLedger("bucket", book, { clock, random: seededRandom(seed), state, reservationMs });
}

const take = (ledger: Ledger<WindowDocument>, id: string, signal?: AbortSignal) =>
  ledger.reserve({ id, units: 1, lenient: false, abandoned: "free" }, signal);

async function numbers(clock: SimulatedClock, state: StateStore) {
  const fresh = open(clock, state);
  await clock.runUntil(fresh.document.change((doc) => [doc, undefined]));
  return fresh.usage();
}

describe("a ledger", () => {
  it("writes once for all that is wanted at the same time, and not at all for what is refused", async () => {
    const clock = simulatedClock();
    const { inner, line } = sharedState(clock);
    const mine = line();
    const ledger = open(clock, mine.state);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => take(ledger, `${n}`)));
    expect(answers.filter(({ granted }) => granted)).toHaveLength(10);
    expect(mine.requests.writes).toBe(2); // the first, and all who came while it was on its way
    await take(ledger, "too late");
    expect(mine.requests.writes).toBe(2);
    expect(await numbers(clock, inner)).toEqual({ used: 0, reserved: 10 });
  });

  it("counts once what was written although nobody said so", async () => {
    const clock = simulatedClock();
    const { inner, line } = sharedState(clock);
    const mine = line();
    const ledger = open(clock, mine.state);
    await take(ledger, "a");
    mine.mode = "loses";
    ledger.settle({ id: "a", units: 1 }, "used");
    await clock.advance(4_000);
    expect(await numbers(clock, inner)).toEqual({ used: 1, reserved: 0 });
    mine.mode = "up";
    await clock.advance(60_000);
    expect(ledger.idle).toBe(true);
    expect(await numbers(clock, inner)).toEqual({ used: 1, reserved: 0 });
  });

  it("gives back what was reserved although nobody said so", async () => {
    const clock = simulatedClock();
    const { inner, line } = sharedState(clock);
    const mine = line();
    const ledger = open(clock, mine.state);
    mine.mode = "loses";
    const refused = expect(take(ledger, "a")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    await clock.advance(4_999);
    expect(await numbers(clock, inner)).toEqual({ used: 0, reserved: 1 });
    await clock.advance(1);
    await refused;
    mine.mode = "up";
    await clock.advance(60_000);
    expect(await numbers(clock, inner)).toEqual({ used: 0, reserved: 0 });
  });

  it("counts a call that passed while the store was away, once it is back", async () => {
    const clock = simulatedClock();
    const { inner, line } = sharedState(clock);
    const mine = line();
    const ledger = open(clock, mine.state);
    mine.mode = "down";
    const passing = ledger.reserve({ id: "soft", units: 3, lenient: true, abandoned: "free" }, undefined);
    await expect(passing).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    ledger.settle({ id: "soft", units: 3 }, "used");
    await clock.advance(600_000);
    mine.mode = "up";
    await clock.advance(60_000);
    expect(await numbers(clock, inner)).toEqual({ used: 3, reserved: 0 });
  });

  it("puts back what it knows where the store has lost it", async () => {
    const clock = simulatedClock();
    const shared = sharedState(clock);
    const ledger = open(clock, shared.line().state);
    for (let n = 0; n < 4; n++) await take(ledger, `${n}`);
    const restore = await shared.backup();
    for (let n = 0; n < 3; n++) ledger.settle({ id: `${n}`, units: 1 }, "used");
    await take(ledger, "4");
    await shared.flush();
    expect(await take(ledger, "5")).toMatchObject({ granted: true, used: 3, reserved: 2 });
    await restore();
    // What the backup holds may have been settled since, or may not: it stays reserved for its time.
    expect(await take(ledger, "6")).toMatchObject({ granted: true, used: 3, reserved: 6 });
    await clock.advance(1);
    expect(await numbers(clock, shared.inner)).toEqual({ used: 3, reserved: 7 });
  });

  it("puts back what it knows even where that leaves no room", async () => {
    const clock = simulatedClock();
    const shared = sharedState(clock);
    const ledger = open(clock, shared.line().state);
    for (let n = 0; n < 10; n++) await take(ledger, `${n}`);
    await shared.flush();
    expect(await take(ledger, "10")).toMatchObject({ granted: false });
    expect(await numbers(clock, shared.inner)).toEqual({ used: 0, reserved: 10 });
  });

  it("does not write any more what it has given up, when the store answers at last", async () => {
    const clock = simulatedClock();
    const { line } = sharedState(clock);
    const mine = line();
    mine.latencyMs = 6_000;
    const refused = expect(take(open(clock, mine.state), "a")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    await clock.advance(60_000);
    await refused;
    expect(mine.requests.gets).toBeGreaterThan(2);
    expect(mine.requests.writes).toBe(0);
  });

  it("gives up, and says so, where others are always faster", async () => {
    const clock = simulatedClock();
    let asked = 0;
    const state: StateStore = {
      ...memoryState({ clock }),
      async compareAndSet() {
        asked++;
        return false;
      },
    };
    const refused = clock.runUntil(take(open(clock, state), "a"), { maxMs: 60_000 });
    await expect(refused).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
    expect(asked).toBeGreaterThan(10);
  });

  it("waits no longer than its signal, and holds nothing then", async () => {
    const clock = simulatedClock();
    const { inner, line } = sharedState(clock);
    const mine = line();
    mine.latencyMs = 100;
    const ledger = open(clock, mine.state);
    const controller = new AbortController();
    const aborted = expect(take(ledger, "a", controller.signal)).rejects.toThrow("enough");
    await clock.advance(150); // the document is read, and the write under way
    controller.abort(new Error("enough"));
    await aborted;
    await clock.advance(1_000);
    expect(await numbers(clock, inner)).toEqual({ used: 0, reserved: 0 });
    await expect(take(ledger, "b", AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
    await clock.advance(1_000);
    expect(await numbers(clock, inner)).toEqual({ used: 0, reserved: 0 });
  });

  it("writes what waits when it is closed, and leaves no timer", async () => {
    const clock = simulatedClock();
    const { inner, line } = sharedState(clock);
    const mine = line();
    const ledger = open(clock, mine.state);
    await take(ledger, "a");
    await take(ledger, "b");
    mine.mode = "down";
    ledger.settle({ id: "a", units: 1 }, "used");
    await clock.advance(1_000);
    mine.mode = "up";
    await ledger.close();
    expect(await numbers(clock, inner)).toEqual({ used: 1, reserved: 1 });
    mine.mode = "down";
    ledger.settle({ id: "b", units: 1 }, "used");
    await ledger.close();
    expect(clock.pending).toBe(0);
  });
});
