import { describe, expect, it } from "vitest";
import { Gate } from "../../src/rate-limit/gate.ts";
import { simulatedClock } from "../../src/testing/index.ts";

const rule = { name: "one", ratePerSecond: 1000 / 1.5, burst: 1 }; // a token each 1.5 ms

describe("a gate", () => {
  it("lets nobody pass those who wait, even while a token is there", async () => {
    const clock = simulatedClock();
    const gate = new Gate(rule, "key", clock, 10);
    expect(gate.tryEnter(clock.monotonic())).toBe(true);
    let admitted = false;
    const waiting = gate.enter("a", "op", undefined).then(() => {
      admitted = true;
    });
    await clock.advance(1.7); // the token is there, the timer has not fired yet
    expect(gate.tryEnter(clock.monotonic())).toBe(false);
    expect(admitted).toBe(false);
    await clock.runUntil(waiting);
    expect(gate.waiting).toBe(0);
  });

  it("gives no place to a call that was aborted before", async () => {
    const gate = new Gate(rule, "key", simulatedClock(), 10);
    await expect(gate.enter("a", "op", AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    expect(gate.waiting).toBe(0);
  });

  it("has no timer while nobody waits", async () => {
    const clock = simulatedClock();
    const gate = new Gate(rule, "key", clock, 10);
    gate.tryEnter(0);
    const controller = new AbortController();
    const waiting = gate.enter("a", "op", controller.signal);
    expect(clock.pending).toBe(1);
    controller.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    await clock.advance(10);
    expect(clock.pending).toBe(0);
  });
});
