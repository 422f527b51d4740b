import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { LimitBucket } from "../../src/core/limit-rule.ts";
import { type Entrant, Gate } from "../../src/rate-limit/gate.ts";
import { Tap } from "../../src/rate-limit/tap.ts";
import { TokenBucket } from "../../src/rate-limit/token-bucket.ts";
import { type SimulatedClock, simulatedClock } from "../../src/testing/index.ts";

function tapOn(clock: SimulatedClock, ratePerSecond: number, burst: number, name = "one"): Tap {
  const facts: LimitBucket = { name, ratePerSecond, burst };
  return new Tap(new TokenBucket(facts, name, clock.monotonic()), facts, {});
}

const gateOn = (clock: SimulatedClock, ...taps: Tap[]) => new Gate({ name: "rule", buckets: [] }, taps, clock, 100);

const entrant = (rest: Partial<Entrant> = {}): Entrant => ({
  lane: "a",
  share: 1,
  priority: 5,
  weights: [1],
  operation: "op",
  signal: undefined,
  deadlineAt: 1e9,
  ...rest,
});

/** Names of calls in the order in which they are admitted. */
function orderOf(gate: Gate) {
  const order: string[] = [];
  return {
    order,
    enter: (name: string, rest: Partial<Entrant> = {}) =>
      gate.enter(entrant({ operation: name, ...rest })).then(
        () => void order.push(name),
        (error) => void order.push(`${name}: ${error.code ?? error.message}`),
      ),
  };
}

describe("a gate", () => {
  it("lets nobody pass those who wait, even while a token is there", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1000 / 1.5, 1)); // a token each 1.5 ms
    expect(gate.tryEnter([1], clock.monotonic())).toBe(true);
    let admitted = false;
    const waiting = gate.enter(entrant()).then(() => {
      admitted = true;
    });
    await clock.advance(1.7); // the token is there, the timer has not fired yet
    expect(gate.tryEnter([1], clock.monotonic())).toBe(false);
    expect(admitted).toBe(false);
    await clock.runUntil(waiting);
    expect(gate.waiting).toBe(0);
  });

  it("gives no place to a call that was aborted before", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1, 1));
    await expect(gate.enter(entrant({ signal: AbortSignal.abort(new Error("gone")) }))).rejects.toThrow("gone");
    expect(gate.waiting).toBe(0);
  });

  it("listens to a signal once, however many wait with it", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1, 1));
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 30 }, () => gate.enter(entrant({ signal })));
    await clock.advance(0);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await clock.runUntil(Promise.all(waiting));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("has no timer while nobody waits", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1, 1));
    gate.tryEnter([1], 0);
    const controller = new AbortController();
    const waiting = gate.enter(entrant({ signal: controller.signal }));
    await clock.advance(0);
    expect(clock.pending).toBe(2); // the next token, and the deadline
    controller.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    expect(clock.pending).toBe(0);
  });
});

describe("several buckets on one call", () => {
  it("are taken from all or not at all", async () => {
    const clock = simulatedClock();
    const [requests, instances] = [tapOn(clock, 2, 5, "requests"), tapOn(clock, 2, 10, "instances")];
    const gate = gateOn(clock, requests, instances);
    expect(gate.tryEnter([1, 8], 0)).toBe(true);
    expect(gate.tryEnter([1, 8], 0)).toBe(false);
    expect([requests.bucket.state(0).tokens, instances.bucket.state(0).tokens]).toEqual([4, 2]);
    gate.giveBack([1, 8], 0);
    expect([requests.bucket.state(0).tokens, instances.bucket.state(0).tokens]).toEqual([5, 10]);
    expect(gate.tryEnter([1, 10], 0)).toBe(true);
    const { order, enter } = orderOf(gate);
    const waiting = enter("big", { weights: [1, 6] });
    await clock.advance(2_999);
    expect(order).toEqual([]);
    await clock.advance(1);
    expect(order).toEqual(["big"]);
    await waiting;
  });

  it("spend nothing of one while they wait for the other, and leave both when they are aborted", async () => {
    const clock = simulatedClock();
    const [requests, instances] = [tapOn(clock, 1, 5, "requests"), tapOn(clock, 1, 5, "instances")];
    const gate = gateOn(clock, requests, instances);
    gate.tryEnter([1, 5], 0);
    const controller = new AbortController();
    const { order, enter } = orderOf(gate);
    void enter("big", { weights: [1, 5], signal: controller.signal });
    void enter("small", { weights: [1, 1] });
    await clock.advance(2_000);
    expect(order).toEqual([]); // nobody passes the first
    controller.abort(new Error("gone"));
    await clock.advance(0);
    expect(order).toEqual(["small", "big: gone"]); // and the next one finds its tokens there
    expect(requests.bucket.state(clock.monotonic()).tokens).toBe(4);
    expect(instances.bucket.state(clock.monotonic()).tokens).toBe(1);
  });

  it("are shared by rules that name the same one: a heavy call is not starved by light ones", async () => {
    const clock = simulatedClock();
    const total = tapOn(clock, 1, 10, "total");
    const [heavy, light] = [gateOn(clock, total), gateOn(clock, total)];
    heavy.tryEnter([10], 0);
    const { order, enter } = orderOf(heavy);
    void enter("heavy", { weights: [5] });
    const others = orderOf(light);
    for (let i = 0; i < 3; i++) void others.enter("light");
    await clock.advance(4_999);
    expect([order, others.order]).toEqual([[], []]);
    await clock.advance(1);
    expect(order).toEqual(["heavy"]);
    expect(light.tryEnter([1], clock.monotonic())).toBe(false);
    await clock.advance(3_000);
    expect(others.order).toEqual(["light", "light", "light"]);
  });

  it("do not make two rules wait for each other for ever", async () => {
    const clock = simulatedClock();
    const [a, b] = [tapOn(clock, 1, 2, "a"), tapOn(clock, 1, 2, "b")];
    const [one, other] = [gateOn(clock, a, b), gateOn(clock, b, a)];
    one.tryEnter([2, 2], 0);
    const first = orderOf(one);
    const second = orderOf(other);
    for (let i = 0; i < 5; i++) {
      void first.enter(`one ${i}`, { weights: [2, 1] });
      void second.enter(`other ${i}`, { weights: [2, 1] });
    }
    await clock.advance(20_000);
    expect([first.order.length, second.order.length]).toEqual([5, 5]);
  });
});

describe("priorities", () => {
  it("put the calls of one cluster in order, and nobody before another cluster's", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1, 1));
    gate.tryEnter([1], 0);
    const { order, enter } = orderOf(gate);
    void enter("a delete", { priority: 2 });
    void enter("a read", { priority: 4 });
    void enter("a create", { priority: 6 });
    void enter("b delete", { lane: "b", priority: 2 });
    await clock.advance(4_000);
    expect(order).toEqual(["a create", "b delete", "a read", "a delete"]);
  });

  it("wear off: who has waited long enough goes before later calls of higher priority", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 0.1, 1));
    gate.tryEnter([1], 0);
    const { order, enter } = orderOf(gate);
    void enter("delete", { priority: 2 });
    for (let i = 0; i < 10; i++) {
      void enter(`create ${i}`, { priority: 6 });
      await clock.advance(10_000);
    }
    expect(order.indexOf("delete")).toBe(4); // four steps of priority are worth forty seconds
  });
});

describe("shares", () => {
  it("give a cluster its part of a limit that is short", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 10, 1));
    gate.tryEnter([1], 0);
    const { order, enter } = orderOf(gate);
    for (let i = 0; i < 100; i++) {
      void enter("big", { lane: "big", share: 3 });
      void enter("small", { lane: "small" });
    }
    await clock.advance(4_000);
    expect(order.filter((name) => name === "big")).toHaveLength(30);
    expect(order.filter((name) => name === "small")).toHaveLength(10);
  });

  it("count what calls take, not how many there are", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 10, 10));
    gate.tryEnter([10], 0);
    const { order, enter } = orderOf(gate);
    for (let i = 0; i < 100; i++) {
      void enter("heavy", { lane: "heavy", weights: [5] });
      void enter("light", { lane: "light" });
    }
    await clock.advance(6_000);
    const taken = { heavy: 5 * order.filter((name) => name === "heavy").length, light: 0 };
    taken.light = order.filter((name) => name === "light").length;
    expect(Math.abs(taken.heavy - taken.light)).toBeLessThanOrEqual(5);
  });
});

describe("deadlines", () => {
  it("refuse at once a wait that cannot end in time, and say when to come back", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1, 1));
    gate.tryEnter([1], 0);
    for (let i = 0; i < 4; i++) void gate.enter(entrant());
    await expect(gate.enter(entrant({ deadlineAt: 4_999 }))).rejects.toMatchObject({
      code: "ERR_RATE_LIMIT_DEADLINE",
      retryable: true,
      requeueAfterMs: 5_000,
    });
    const inTime = gate.enter(entrant({ deadlineAt: 5_000 }));
    await clock.advance(5_000);
    expect(await inTime).toBe(5_000);
  });

  it("leave the rest of the lane alone when the tokens come in the last moment", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1, 1));
    gate.tryEnter([1], 0);
    const { order, enter } = orderOf(gate);
    void enter("first", { deadlineAt: 1_000 });
    for (const name of ["second", "third"]) void enter(name);
    await clock.advance(1_000);
    expect([order, gate.waiting]).toEqual([["first"], 2]);
    await clock.advance(2_000);
    expect([order, gate.waiting]).toEqual([["first", "second", "third"], 0]);
  });

  it("know that another cluster waits in a lane of its own", async () => {
    const clock = simulatedClock();
    const gate = gateOn(clock, tapOn(clock, 1, 1));
    gate.tryEnter([1], 0);
    for (let i = 0; i < 50; i++) void gate.enter(entrant({ lane: "greedy" }));
    const modest = gate.enter(entrant({ lane: "modest", deadlineAt: 2_000 }));
    await clock.advance(2_000);
    expect(await modest).toBe(2_000);
  });

  it("end a wait that turned out longer than it looked", async () => {
    const clock = simulatedClock();
    const tap = tapOn(clock, 1, 1);
    const gate = gateOn(clock, tap);
    gate.tryEnter([1], 0);
    const waiting = expect(gate.enter(entrant({ deadlineAt: 1_500 }))).rejects.toMatchObject({
      code: "ERR_RATE_LIMIT_DEADLINE",
    });
    tap.bucket.throttled(100, 0, 10_000);
    await clock.advance(1_500);
    await waiting;
    expect([gate.waiting, clock.pending]).toEqual([0, 0]);
  });
});
