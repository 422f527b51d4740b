import { createGuard } from "provider-guard";
import { gcpLimits } from "provider-guard/limits";
import { object } from "provider-guard/object";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";

it("no minute of Compute's gets more than its quota, and nearly all of it is used", async () => {
  const clock = simulatedClock();
  const minutes = new Map<number, number>();
  const compute = {
    async get() {
      const minute = Math.floor(clock.now() / 60_000);
      minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    },
  };
  await using guard = await createGuard({
    owner: { managementCluster: "mc", provider: "test" },
    audit: false,
    clock,
    random: seededRandom(1),
    rateLimit: { maxWaitingPerCluster: 10_000, maxWaitMs: 3_600_000 },
  });
  const client = guard.wrap(
    compute,
    object({ cloud: "gcp", operations: { get: { kind: "read" } }, limits: gcpLimits }),
  );
  await clock.advance(59_000 - (clock.now() % 60_000)); // the burst ends one minute, its refill begins the next
  const calls = Array.from({ length: 4000 }, () => client.get());
  await clock.advance(5 * 60_000);
  await Promise.all(calls);
  const counts = [...minutes.values()];
  expect(counts.reduce((sum, count) => sum + count)).toBe(4000);
  expect(Math.max(...counts)).toBeLessThanOrEqual(1500);
  expect(counts[1]).toBeGreaterThan(1240); // 60 s of refill
});
