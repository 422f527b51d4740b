import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue, type Ticket } from "../../src/rate-limit/fair-queue.ts";

describe("a fair queue", () => {
  it("serves the lanes in turn, and each lane in order", () => {
    const queue = new FairQueue<string>();
    for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(item[0] as string, item);
    const served = Array.from({ length: 6 }, () => queue.shift());
    expect(served).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
    expect(queue.shift()).toBeUndefined();
  });

  it("knows what is served before a newcomer, in every lane by its share", () => {
    const queue = new FairQueue<string>();
    for (let i = 0; i < 10; i++) queue.push("greedy", `g${i}`);
    expect(queue.costBefore("modest", 1)).toBe(2);
    expect(queue.costBefore("greedy", 1)).toBe(11);
    expect(queue.costBefore("modest", 3)).toBe(6);
    expect(queue.costBefore("favoured", 2, 2)).toBe(3);
    for (let i = 0; i < 9; i++) queue.shift();
    expect(queue.costBefore("greedy", 1)).toBe(2);
    expect(queue.costBefore("modest", 5)).toBe(6);
  });

  it("lets somebody in the middle leave", () => {
    const queue = new FairQueue<string>();
    queue.push("a", "a1");
    const leaving = queue.push("a", "a2");
    queue.push("a", "a3");
    queue.remove(leaving);
    expect([queue.shift(), queue.shift(), queue.size]).toEqual(["a1", "a3", 0]);
  });

  it("behaves like lists served in turn, for any sequence of arrivals, departures and services", () => {
    type Step = { kind: "push"; lane: string } | { kind: "shift" } | { kind: "remove"; pick: number };
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ kind: fc.constant("push" as const), lane: fc.constantFrom("a", "b", "c") }),
      fc.record({ kind: fc.constant("shift" as const) }),
      fc.record({ kind: fc.constant("remove" as const), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
        const queue = new FairQueue<number>();
        let model: { lane: string; items: number[] }[] = [];
        const tickets = new Map<number, Ticket<number>>();
        let next = 0;
        for (const one of steps) {
          if (one.kind === "push") {
            const lane = model.find((entry) => entry.lane === one.lane);
            if (lane === undefined) model.push({ lane: one.lane, items: [next] });
            else lane.items.push(next);
            tickets.set(next, queue.push(one.lane, next));
            next++;
          } else if (one.kind === "shift") {
            const [lane, ...others] = model;
            const expected = lane?.items.shift();
            if (lane !== undefined) model = lane.items.length === 0 ? others : [...others, lane];
            expect(queue.shift()).toBe(expected);
            if (expected !== undefined) tickets.delete(expected);
          } else if (tickets.size > 0) {
            const item = [...tickets.keys()][one.pick % tickets.size] as number;
            queue.remove(tickets.get(item) as Ticket<number>);
            tickets.delete(item);
            for (const lane of model) lane.items = lane.items.filter((other) => other !== item);
            model = model.filter((lane) => lane.items.length > 0);
          }
          expect(queue.size).toBe(tickets.size);
        }
      }),
    );
  });
});
