import { seededRandom } from "provider-guard/testing";
import { describe, expect, test } from "vitest";

const draw = (random: () => number, count: number) => Array.from({ length: count }, random);

describe("seeded random", () => {
  test("repeats for the same seed and differs for another", () => {
    expect(draw(seededRandom(1), 20)).toEqual(draw(seededRandom(1), 20));
    expect(draw(seededRandom(1), 20)).not.toEqual(draw(seededRandom(2), 20));
    expect(draw(seededRandom("1"), 3)).toEqual(draw(seededRandom(1), 3));
  });

  test("a fork depends on seed and label only, not on what was drawn before", () => {
    const early = seededRandom(9).fork("latency");
    const parent = seededRandom(9);
    draw(parent, 1000);
    const late = parent.fork("latency");
    expect(draw(early, 20)).toEqual(draw(late, 20));
    expect(draw(seededRandom(9).fork("faults"), 20)).not.toEqual(draw(seededRandom(9).fork("latency"), 20));
    expect(draw(seededRandom(9).fork("a").fork("b"), 5)).not.toEqual(draw(seededRandom(9).fork("b").fork("a"), 5));
  });

  test("spreads evenly over [0, 1)", () => {
    const buckets = new Array<number>(16).fill(0);
    for (const value of draw(seededRandom(3), 160_000)) {
      expect(value >= 0 && value < 1).toBe(true);
      const bucket = Math.floor(value * 16);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});
