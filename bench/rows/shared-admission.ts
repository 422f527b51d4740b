import { startRedis } from "../../test/support/redis-server.ts";
import { output, processPath } from "../child.ts";
import { median, type Row } from "../row.ts";
import { missingRedis } from "./shared-limit.ts";

const replicas = 4;

/** What one replica admits on a limit that it shares, while the tokens that it borrowed last. */
export const sharedAdmission: Row = {
  id: "shared-admission",
  what: `admissions a second of each of ${replicas} processes on one Redis, while leases last`,
  unit: "1/s",
  better: "higher",
  goal: 50_000,
  missing: missingRedis,
  async run() {
    const redis = await startRedis("redis-server");
    const measure = async (who: string, processes: number) => {
      const startAt = Number(process.hrtime.bigint()) / 1e6 + 5_000;
      const args = [redis.url, who, String(startAt)];
      const runs = Array.from({ length: processes }, () => output(processPath("lease"), [], args));
      return median((await Promise.all(runs)) as number[]);
    };
    try {
      return {
        value: await measure("guard", replicas),
        alternatives: [
          { name: "the guard, one process alone", value: await measure("guard", 1) },
          {
            name: `Bottleneck clustered on the same Redis, each of ${replicas}`,
            value: await measure("bottleneck", replicas),
          },
          { name: "Bottleneck clustered, one process alone", value: await measure("bottleneck", 1) },
        ],
      };
    } finally {
      await redis.stop();
    }
  },
};
