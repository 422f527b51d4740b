import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { newId, systemRandom } from "../../src/core/id.ts";
import { seededRandom, simulatedClock } from "../../src/testing/index.ts";

describe("an id", () => {
  it("sorts by time, fits a label value, and does not repeat", async () => {
    const clock = simulatedClock();
    const ids: string[] = [];
    for (let i = 0; i < 50; i++) {
      ids.push(newId(clock, systemRandom));
      await clock.advance(1);
    }
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => /^[0-9a-z]{26}$/.test(id))).toBe(true);
    const many = new Set(Array.from({ length: 20_000 }, () => newId(systemClock, systemRandom)));
    expect(many.size).toBe(20_000);
  });

  it("repeats exactly with the same clock and seed", () => {
    const make = () => newId(simulatedClock(), seededRandom(3));
    expect(make()).toBe(make());
  });
});
