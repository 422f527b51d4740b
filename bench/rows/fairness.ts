import { simulatedClock } from "provider-guard/testing";
import { Gate } from "../../src/rate-limit/gate.ts";
import { TokenBucket } from "../../src/rate-limit/token-bucket.ts";
import type { Row } from "../row.ts";

const tenants = 10;
const ratePerSecond = 10;
const seconds = 60;
const greedyTimes = 100;
const modestPerSecond = 1; // each modest tenant asks for exactly its fair share

/** Jain's index: 1 when everybody is served alike, 1/n when one takes all. */
function jain(served: readonly number[]): number {
  const sum = served.reduce((a, b) => a + b, 0);
  return sum ** 2 / (served.length * served.reduce((a, b) => a + b * b, 0));
}

/** How many requests a tenant makes in each second. */
const demand = (tenant: number) => (tenant === 0 ? modestPerSecond * greedyTimes : modestPerSecond);

async function throughOurLanes(): Promise<number> {
  const clock = simulatedClock();
  const rule = { name: "bench", ratePerSecond, burst: 1 };
  const gate = new Gate(rule, "bench", clock, 1_000_000);
  const served = new Array<number>(tenants).fill(0);
  for (let second = 0; second < seconds; second++) {
    for (let tenant = 0; tenant < tenants; tenant++) {
      for (let request = 0; request < demand(tenant); request++) {
        void gate.enter(`tenant-${tenant}`, "bench", undefined).then(
          () => {
            served[tenant] = (served[tenant] ?? 0) + 1;
          },
          () => {},
        );
      }
    }
    await clock.advance(1000);
  }
  gate.close();
  return jain(served);
}

/** The same arrivals in one queue, with the same bucket. */
function firstComeFirstServed(): number {
  const bucket = new TokenBucket(ratePerSecond, 1, 0);
  const queue: number[] = [];
  const served = new Array<number>(tenants).fill(0);
  for (let ms = 0; ms < seconds * 1000; ms++) {
    if (ms % 1000 === 0) {
      for (let tenant = 0; tenant < tenants; tenant++) queue.push(...new Array<number>(demand(tenant)).fill(tenant));
    }
    while (queue.length > 0 && bucket.take(ms)) {
      const tenant = queue.shift() as number;
      served[tenant] = (served[tenant] ?? 0) + 1;
    }
  }
  return jain(served);
}

/** Ten clusters share one limit, and one of them asks a hundred times as much as each other. */
export const fairness: Row = {
  id: "fairness",
  what: "Jain's index of ten clusters, one asking 100 times the others' demand",
  unit: "index",
  better: "higher",
  goal: 0.95,
  async run() {
    return {
      value: await throughOurLanes(),
      alternatives: [{ name: "first come, first served", value: firstComeFirstServed() }],
    };
  },
};
