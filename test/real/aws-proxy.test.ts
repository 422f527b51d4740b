import {
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteSecurityGroupCommand,
  DescribeInstancesCommand,
  DescribeVpcsCommand,
  EC2Client,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { credentialLease, type GuardOptions, requeueAfter } from "provider-guard";
import { aws } from "provider-guard/aws";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type CloudProxy, startCloudProxy } from "./cloud-proxy.ts";
import { type GuardedRun, guardedRun, subject } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

describeWithMoto("the unmodified AWS SDK behind a cloud that misbehaves, guarded", (program) => {
  let moto: Moto;
  let proxy: CloudProxy;
  let run: GuardedRun;
  const clients: EC2Client[] = [];

  const config = (more: object = {}) => ({
    endpoint: proxy.url,
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    ...more,
  });
  const client = (more: object = {}) => {
    const made = new EC2Client(config(more));
    clients.push(made);
    return made;
  };
  const guarded = async (options: Partial<GuardOptions> = {}, more: object = {}) => {
    run = await guardedRun(options);
    return run.guard.wrap(client(more), aws());
  };
  const launch = () =>
    new RunInstancesCommand({ ImageId: "ami-12345678", InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 });
  const instances = async () => {
    const { Reservations = [] } = await client().send(new DescribeInstancesCommand({}));
    return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId));
  };
  const requests = (operation: string) => proxy.log.filter((request) => request.operation === operation);
  const outcomeOf = (records: Awaited<ReturnType<GuardedRun["finish"]>>["records"], operation: string) => {
    const intent = records.find((record) => record.type === "intent" && record.operation === operation);
    const id = intent?.type === "intent" ? intent.call : undefined;
    return records.find((record) => record.type === "outcome" && record.call === id);
  };

  beforeAll(async () => {
    moto = await startMoto(program);
    proxy = await startCloudProxy(moto.url);
  });
  afterAll(async () => {
    await proxy?.stop();
    await moto?.stop();
  });
  beforeEach(async () => {
    await fetch(`${moto.url}/moto-api/reset`, { method: "POST" });
    proxy.reset();
  });
  afterEach(async () => {
    await run?.clean();
    for (const each of clients.splice(0)) each.destroy();
  });

  it("writes each throttled try down, and slows down", async () => {
    const ec2 = await guarded();
    proxy.throttle("CreateVpc", 0.001, 1);
    const make = () => run.guard.reconcile(subject, () => ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" })));
    await make();
    const question = { client: ec2, service: "EC2", operation: "CreateVpc", region: "eu-central-1", input: {} };
    const before = String(run.guard.explain(question));
    const error = await make().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "RequestLimitExceeded" });
    expect(requeueAfter(error)).toBeGreaterThan(0);
    const after = String(run.guard.explain(question));
    const rate = (text: string) => Number(/now ([\d.]+)\/s/.exec(text)?.[1]);
    expect(rate(before)).toBe(5);
    expect(rate(after)).toBeLessThan(rate(before));

    const { records, verification } = await run.finish();
    expect(verification.ok).toBe(true);
    const failed = records.findLast((record) => record.type === "outcome");
    expect(failed?.type === "outcome" && failed.attempts.map(({ result }) => result)).toEqual(
      requests("CreateVpc")
        .slice(1)
        .map(() => "throttled"),
    );
    expect(failed).toMatchObject({ result: "failed", error: "RequestLimitExceeded" });
    expect(failed?.type === "outcome" && failed.attempts.map(({ requestId }) => requestId)).toEqual(
      requests("CreateVpc")
        .slice(1)
        .map(({ requestId }) => requestId),
    );
  });

  it("gets one machine where the answer was lost: the next try carries the same token", async () => {
    const ec2 = await guarded();
    proxy.loseAnswers("RunInstances", 1);
    const { Instances } = await run.guard.reconcile(subject, () => ec2.send(launch()));
    expect(await instances()).toEqual([Instances?.[0]?.InstanceId]);
    const sent = requests("RunInstances");
    expect(sent.map(({ result }) => result)).toEqual(["lost", 200]);
    expect(new Set(sent.map(({ clientToken }) => clientToken)).size).toBe(1);

    const { records, verification } = await run.finish();
    expect(verification).toMatchObject({ ok: true, unfinished: 0 });
    const intent = records.find((record) => record.type === "intent");
    expect(sent.map(({ intent }) => intent)).toEqual([intent?.call, intent?.call]);
    expect(sent[0]?.clientToken).toBe(intent?.token);
    expect(outcomeOf(records, "RunInstances")).toMatchObject({
      result: "ok",
      attempts: [{ result: "lost" }, { result: "ok", requestId: sent[1]?.requestId }],
    });
  });

  it("gets one machine where every answer of the first call was lost", async () => {
    const ec2 = await guarded({}, { maxAttempts: 1 });
    proxy.loseAnswers("RunInstances", 1);
    const reconcile = () => run.guard.reconcile(subject, () => ec2.send(launch()));
    await expect(reconcile()).rejects.toMatchObject({ code: "ECONNRESET" });
    const { Instances } = await reconcile();
    expect(await instances()).toEqual([Instances?.[0]?.InstanceId]);
    expect(new Set(requests("RunInstances").map(({ clientToken }) => clientToken)).size).toBe(1);
    const { records, verification } = await run.finish();
    expect(verification.ok).toBe(true);
    expect(records.filter(({ type }) => type === "outcome")).toMatchObject([{ result: "unknown" }, { result: "ok" }]);
  });

  it("makes two machines of the bare client in the same place", async () => {
    proxy.loseAnswers("RunInstances", 1);
    const bare = client({ maxAttempts: 1 });
    await expect(bare.send(launch())).rejects.toThrow();
    await bare.send(launch());
    expect(await instances()).toHaveLength(2); // or the tests above show nothing
  });

  /** A lease whose credentials are called KEY1, KEY2, … and its signed requests. */
  async function leased() {
    let fetched = 0;
    const lease = credentialLease({
      fetch: async () => {
        fetched++;
        const value = { accessKeyId: `KEY${fetched}`, secretAccessKey: "secret", sessionToken: "canary-token" };
        return { value, expiresAt: new Date(Date.UTC(2100, 0)) };
      },
    });
    run = await guardedRun();
    const ec2 = run.guard.wrap(client(), aws(), { credentials: lease });
    await ec2.send(new DescribeVpcsCommand({}));
    proxy.expire("KEY1");
    proxy.log.length = 0;
    const signed = () => proxy.log.map(({ accessKeyId, result }) => `${accessKeyId} ${result}`);
    return { ec2, lease, signed, fetched: () => fetched };
  }

  it("renews an expired credential, and sends the same create again with the next one", async () => {
    const { ec2, lease, signed, fetched } = await leased();
    await run.guard.reconcile(subject, () => ec2.send(launch()));
    expect(signed()).toEqual(["KEY1 400", "KEY2 200"]);
    expect(new Set(proxy.log.map(({ clientToken }) => clientToken)).size).toBe(1);
    expect(fetched()).toBe(2);
    lease.close();
    const { records, verification, text } = await run.finish();
    expect(verification).toMatchObject({ ok: true, unfinished: 0 });
    expect(text).not.toContain("canary-token");
    expect(outcomeOf(records, "RunInstances")).toMatchObject({
      result: "ok",
      attempts: [{ result: "unauthenticated", code: "RequestExpired" }, { result: "ok" }],
    });
  });

  it("renews it once for all calls that met the expiry together", async () => {
    const { ec2, lease, signed, fetched } = await leased();
    await Promise.all([1, 2, 3].map(() => ec2.send(new DescribeVpcsCommand({}))));
    expect(signed().filter((each) => each === "KEY2 200")).toHaveLength(3);
    expect(fetched()).toBe(2);
    lease.close();
  });

  it("reads a dependency as a conflict: come back soon", async () => {
    const ec2 = await guarded();
    await run.guard.reconcile(subject, async () => {
      const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
      const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.0.1.0/24" }));
      const group = { GroupName: "g", Description: "g", VpcId: Vpc?.VpcId };
      const { GroupId } = await ec2.send(new CreateSecurityGroupCommand(group));
      const machine = { ...launch().input, SubnetId: Subnet?.SubnetId, SecurityGroupIds: [GroupId as string] };
      await ec2.send(new RunInstancesCommand(machine));
      const error = await ec2.send(new DeleteSecurityGroupCommand({ GroupId })).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "DependencyViolation" });
      expect(requeueAfter(error)).toBe(5_000);
    });
    const { records, verification } = await run.finish();
    expect(verification.ok).toBe(true);
    expect(outcomeOf(records, "DeleteSecurityGroup")).toMatchObject({ result: "failed", error: "DependencyViolation" });
  });

  it("leaves nothing on the server without its intent", async () => {
    const ec2 = await guarded();
    await run.guard.reconcile(subject, async () => {
      await Promise.all([launch(), launch(), launch()].map((command) => ec2.send(command)));
    });
    const { records } = await run.finish();
    const intents = records.flatMap((record) => (record.type === "intent" ? [record.call] : []));
    expect(
      requests("RunInstances")
        .map(({ intent }) => intent)
        .sort(),
    ).toEqual(intents.sort());
  });
});
