import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeInstancesCommand, EC2Client, StopInstancesCommand } from "@aws-sdk/client-ec2";
import { createGuard, fileJournal } from "provider-guard";
import { aws } from "provider-guard/aws";
import { firstLine, processPath, start, stop } from "../child.ts";
import { median, type Row, timed } from "../row.ts";

const inFlight = 50;
const calls = 1_500;
const rounds = 7;

/** Calls per second with 50 under way, half of them mutating. */
async function rate(client: EC2Client): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < calls) {
      const InstanceIds = ["i-0123456789abcdef0"];
      if (next++ % 2 === 0) await client.send(new StopInstancesCommand({ InstanceIds }));
      else await client.send(new DescribeInstancesCommand({ InstanceIds }));
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: inFlight }, worker)));
  return calls / (ms / 1000);
}

/** What the guard leaves of the AWS SDK's throughput, with a durable audit log. */
export const awsThroughput: Row = {
  id: "aws-throughput",
  what: "AWS SDK calls through the whole chain, half of them mutating, 50 in flight: guarded / bare",
  unit: "ratio",
  better: "higher",
  goal: 0.95,
  processes: 9,
  async run() {
    const server = start(processPath("ec2-server"));
    const directory = await mkdtemp(join(tmpdir(), "provider-guard-bench-"));
    const endpoint = `http://127.0.0.1:${await firstLine(server)}`;
    const config = { endpoint, region: "eu-west-1", credentials: { accessKeyId: "bench", secretAccessKey: "bench" } };
    const guard = await createGuard({
      owner: { managementCluster: "bench", provider: "infrastructure-bench" },
      audit: fileJournal({ directory }),
      rateLimit: { rules: [{ name: "wide", ratePerSecond: 1e9, burst: 1e9 }] },
    });
    const bare = new EC2Client(config);
    const guarded = guard.wrap(new EC2Client(config), aws());
    const cluster = { namespace: "default", name: "bench", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" };
    const guardedRate = () => guard.reconcile({ cluster }, () => rate(guarded));
    try {
      const rates: { bare: number; guarded: number }[] = [];
      for (let round = 0; round <= rounds; round++) {
        // Whoever comes second finds the machine warmer or colder: take turns.
        const first = round % 2 === 0 ? await rate(bare) : 0;
        const own = await guardedRate();
        const pair = { bare: first || (await rate(bare)), guarded: own };
        if (round > 0) rates.push(pair);
      }
      return {
        value: median(rates.map((pair) => pair.guarded / pair.bare)),
        alternatives: [
          { name: "bare SDK, calls/s", value: median(rates.map((pair) => pair.bare)) },
          { name: "guarded, calls/s", value: median(rates.map((pair) => pair.guarded)) },
        ],
      };
    } finally {
      bare.destroy();
      guarded.destroy();
      await guard.close();
      await stop(server);
      await rm(directory, { recursive: true });
    }
  },
};
