import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import { aws } from "provider-guard/aws";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type CloudProxy, startCloudProxy } from "./cloud-proxy.ts";
import { type GuardedRun, guardedRun } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";
import { type ThrottledRunOptions, throttledRun } from "./throttled-run.ts";

const allowed = { ratePerSecond: 10, burst: 10 };

describeWithMoto("the unmodified AWS SDK at a cloud that throttles", (program) => {
  let moto: Moto;
  let proxy: CloudProxy;
  let run: GuardedRun | undefined;
  let client: EC2Client;
  let demand: ThrottledRunOptions;

  beforeAll(async () => {
    moto = await startMoto(program);
    proxy = await startCloudProxy(moto.url);
    const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
    client = new EC2Client({ endpoint: proxy.url, region: "eu-central-1", credentials });
    const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
    demand = { ...allowed, resource: Vpc?.VpcId as string, seconds: 4, workers: 30 };
  });
  afterAll(async () => {
    client?.destroy();
    await proxy?.stop();
    await moto?.stop();
  });
  afterEach(async () => {
    await run?.clean();
    run = undefined;
  });

  it("is throttled all the time without a guard", async () => {
    const { throttledLater } = await throttledRun(client, proxy, demand);
    expect(throttledLater).toBeGreaterThan(0);
  });

  it("is throttled no more once the guard has seen the first second", async () => {
    run = await guardedRun({ rateLimit: { rules: [{ name: "tags", operations: ["CreateTags"], ...allowed }] } });
    const { guard } = run;
    const guarded = guard.wrap(client, aws());
    const { throttledLater, served } = await throttledRun(guarded, proxy, {
      ...demand,
      onBehalf: (worker, call) => {
        const uid = `cluster-${worker % 3}`;
        return guard.reconcile({ cluster: { namespace: "default", name: uid, uid } }, call);
      },
    });
    guard.unwrap(guarded);
    expect(throttledLater).toBe(0);
    expect(served).toBeGreaterThan(allowed.burst);
  });
});
