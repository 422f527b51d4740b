import fc from "fast-check";
import { expect, it } from "vitest";
import { play, step } from "./schedule.ts";

// A nightly run has more: the number comes from the environment.
const numRuns = Number(process.env.GARBAGE_SCHEDULES ?? 3000);

it("deletes nothing alive, young, protected or unknown, and every true orphan in the end, over random schedules", async () => {
  let deleted = 0;
  const schedule = fc.array(step, { minLength: 8, maxLength: 50, size: "max" });
  await fc.assert(
    fc.asyncProperty(schedule, async (steps) => {
      const world = await play(steps);
      expect(world.violations).toEqual([]);
      expect(world.orphans()).toEqual([]);
      deleted += 1;
    }),
    { numRuns },
  );
  expect(deleted).toBeGreaterThan(0);
}, 600_000);
