import { simulatedClock } from "provider-guard/testing";
import { Gate } from "../../src/rate-limit/gate.ts";
import { Tap } from "../../src/rate-limit/tap.ts";
import { TokenBucket } from "../../src/rate-limit/token-bucket.ts";
import type { Row } from "../row.ts";

const tenants = 10;
const limit = { name: "bench", ratePerSecond: 10, burst: 1 };
const seconds = 60;
const greedyTimes = 100;
const modestPerSecond = 1; // each modest tenant asks for exactly its fair share

const entrant = {
  share: 1,
  priority: 5,
  weights: [1],
  operation: "bench",
  signal: undefined,
  deadlineAt: Number.MAX_SAFE_INTEGER,
};

/** Jain's index: 1 when everybody is served alike, 1/n when one takes all. */
function jain(served: readonly number[]): number {
  const sum = served.reduce((a, b) => a + b, 0);
  return sum ** 2 / (served.length * served.reduce((a, b) => a + b * b, 0));
}

/** How many requests a tenant makes in each second. */
const demand = (tenant: number) => (tenant === 0 ? modestPerSecond * greedyTimes : modestPerSecond);

async function throughOurLanes(): Promise<number> {
  const clock = simulatedClock();
  const tap = new Tap(new TokenBucket(limit, "bench", 0), limit, {});
  const gate = new Gate(limit, [tap], clock, 1_000_000);
  const served = new Array<number>(tenants).fill(0);
  for (let second = 0; second < seconds; second++) {
    for (let tenant = 0; tenant < tenants; tenant++) {
      for (let request = 0; request < demand(tenant); request++) {
        void gate.enter({ ...entrant, lane: `tenant-${tenant}` }).then(
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
  const bucket = new TokenBucket(limit, "bench", 0);
  const queue: number[] = [];
  const served = new Array<number>(tenants).fill(0);
  for (let ms = 0; ms < seconds * 1000; ms++) {
    if (ms % 1000 === 0) {
      for (let tenant = 0; tenant < tenants; tenant++) queue.push(...new Array<number>(demand(tenant)).fill(tenant));
    }
    while (queue.length > 0 && bucket.has(1, ms)) {
      bucket.take(1, ms);
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
