import { redisState } from "provider-guard/redis";
import { findProgram } from "../../test/support/programs.ts";
import { startRedis } from "../../test/support/redis-server.ts";
import { output, processPath } from "../child.ts";
import { type Row, sleep } from "../row.ts";

const replicas = 4;
const ratePerSecond = 500;
const burst = 250;
const seconds = 20;

/** What is missing on this machine, if anything. */
export function missingRedis(): string | undefined {
  if (findProgram("redis-server") !== undefined) return undefined;
  return "redis-server is not installed (Debian: apt-get install redis-server)";
}

/** Whether in some window more left than burst + rate × length. */
function isOver(sent: readonly number[]): boolean {
  let least = Number.POSITIVE_INFINITY; // of: calls before this one, less what the rate allows until it
  let most = Number.NEGATIVE_INFINITY;
  for (const [index, at] of sent.entries()) {
    const allowed = (at * ratePerSecond) / 1000;
    least = Math.min(least, index - allowed);
    most = Math.max(most, index + 1 - allowed - least);
  }
  return most > burst;
}

/** A Redis that has been running for longer than its buckets need to fill. */
async function settled(url: string): Promise<void> {
  const state = redisState({ url });
  await state.lender?.lease({ bucket: "another", ratePerSecond, burst, held: 0, need: 0, want: 0 });
  await state.close();
  await sleep(2_000 + (burst / ratePerSecond) * 1000 + 500);
}

/** Four processes, each of which would use up the limit alone. */
export const sharedLimit: Row = {
  id: "shared-limit",
  what: `${replicas} processes on one Redis for ${seconds} s: share of burst + rate × time that was used, 0 if ever more`,
  unit: "%",
  better: "higher",
  goal: 98,
  missing: missingRedis,
  async run() {
    const redis = await startRedis("redis-server");
    try {
      await settled(redis.url);
      const startAt = Number(process.hrtime.bigint()) / 1e6 + 2_000;
      const args = [redis.url, ratePerSecond, burst, startAt, seconds].map(String);
      const runs = Array.from({ length: replicas }, () => output(processPath("replica"), [], args));
      const counts = (await Promise.all(runs)) as number[][];
      const sent = counts.flat().sort((a, b) => a - b);
      const used = (sent.length / (burst + ratePerSecond * seconds)) * 100;
      const shares = counts.map(({ length }) => length / sent.length);
      return {
        value: isOver(sent) ? 0 : used,
        alternatives: [
          { name: "by hand: each process with a fourth of the limit, and one of them busy", value: 100 / replicas },
          { name: "the busiest replica's part of it, %", value: Math.max(...shares) * 100 },
          { name: "the idlest replica's part of it, %", value: Math.min(...shares) * 100 },
        ],
      };
    } finally {
      await redis.stop();
    }
  },
};
