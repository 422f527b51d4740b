import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import { createGuard } from "provider-guard";
import { aws } from "provider-guard/aws";
import { startCloudProxy } from "../../test/real/cloud-proxy.ts";
import { throttledRun } from "../../test/real/throttled-run.ts";
import type { Row } from "../row.ts";

type MotoModule = typeof import("../../scripts/moto.mjs");
/** As it lies in the repository: it finds its files by its own path. */
const motoModule = (): Promise<MotoModule> => import(pathToFileURL(resolve("scripts/moto.mjs")).href);

const allowed = { ratePerSecond: 20, burst: 20 };

/** The unmodified SDK at a cloud that allows 20 calls a second and is asked for more by 40 callers. */
export const awsThrottled: Row = {
  id: "aws-throttled",
  what: "AWS SDK at moto behind a throttling proxy for 30 s: share of burst + rate × time that was served, 0 if throttled after the first second",
  unit: "%",
  better: "higher",
  goal: 90,
  async missing() {
    const { findMoto } = await motoModule();
    return findMoto() === undefined ? "moto is not installed (node scripts/moto.mjs)" : undefined;
  },
  async run() {
    const { startMoto } = await motoModule();
    const moto = await startMoto();
    const proxy = await startCloudProxy(moto.url);
    const credentials = { accessKeyId: "bench", secretAccessKey: "bench" };
    const client = new EC2Client({ endpoint: proxy.url, region: "eu-central-1", credentials });
    const guard = await createGuard({
      owner: { managementCluster: "bench", provider: "infrastructure-bench" },
      audit: false,
      rateLimit: { rules: [{ name: "tags", operations: ["CreateTags"], ...allowed }] },
    });
    try {
      const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
      const demand = { ...allowed, resource: Vpc?.VpcId as string, seconds: 30, workers: 40 };
      const bare = await throttledRun(client, proxy, demand);
      const guarded = await throttledRun(guard.wrap(client, aws()), proxy, {
        ...demand,
        onBehalf(worker, call) {
          const uid = `cluster-${worker % 4}`;
          return guard.reconcile({ cluster: { namespace: "default", name: uid, uid } }, call);
        },
      });
      return {
        value: guarded.throttledLater === 0 ? guarded.used * 100 : 0,
        alternatives: [
          { name: "guarded: throttled answers, all in the first second", value: guarded.throttled },
          { name: "bare SDK: throttled answers", value: bare.throttled },
          { name: "bare SDK: of them after the first second", value: bare.throttledLater },
          { name: "bare SDK: served, %", value: bare.used * 100 },
        ],
      };
    } finally {
      client.destroy();
      await guard.close();
      await proxy.stop();
      await moto.stop();
    }
  },
};
