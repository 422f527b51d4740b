import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { play, step } from "./schedule.ts";

/** Where servers are required, all of them; a quick run has fewer. `GARBAGE_SCHEDULES` says another number. */
const schedules = Number(process.env.GARBAGE_SCHEDULES ?? (process.env.REAL_SERVERS === "required" ? 20_000 : 2_000));

describe("over random schedules of creates, deaths, adoptions, faults, clock jumps and crashes", () => {
  it("nothing alive, young, protected or unknown is deleted, and every true orphan is gone in the end", async () => {
    let deletions = 0;
    const schedule = fc.array(step, { minLength: 8, maxLength: 50, size: "max" });
    await fc.assert(
      fc.asyncProperty(schedule, async (steps) => {
        const world = await play(steps);
        expect(world.violations).toEqual([]);
        expect(world.orphans()).toEqual([]);
        deletions += world.deletions();
      }),
      { numRuns: schedules },
    );
    expect(deletions).toBeGreaterThan(schedules);
  }, 900_000);
});
