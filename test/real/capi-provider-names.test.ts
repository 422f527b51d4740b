import { CreateVpcCommand, DescribeSubnetsCommand, EC2Client, type Tag } from "@aws-sdk/client-ec2";
import { plainTags } from "provider-guard";
import { aws } from "provider-guard/aws";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { ec2Calls } from "../../examples/capi-provider/ec2.ts";
import { type GuardedRun, guardedRun, subject } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

const former = "6f9c2a51-7d0e-4a3b"; // what guardedRun's guards work for by default
const owner = { managementCluster: "0d0d0d0d-0000-4000", provider: "infrastructure-test" };
const ownership = { formerOwners: [{ managementCluster: former }] };
const { cluster } = subject;
const moved = { cluster: { ...cluster, uid: "9f9f9f9f-cluster-blue" } };
const machineOf = (at: { cluster: typeof cluster }, name: string, uid: string) => ({
  ...at,
  machine: { namespace: "default", name, uid },
});

const ownerOf = (resource: { readonly Tags?: Tag[] | undefined } | undefined) =>
  plainTags.decode(Object.fromEntries((resource?.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value])));

describeWithMoto("what the example provider made for a cluster that was moved or restored", (program) => {
  let moto: Moto;
  let ec2: EC2Client;
  let vpcId: string;
  let subnetId: string;
  const runs: GuardedRun[] = [];
  const client = () => {
    const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
    return new EC2Client({ endpoint: moto.url, region: "eu-central-1", credentials });
  };

  beforeAll(async () => {
    moto = await startMoto(program);
    ec2 = client();
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
    subnetId = Subnets[0]?.SubnetId ?? "";
    vpcId = Subnets[0]?.VpcId ?? "";
  });
  afterAll(async () => {
    ec2?.destroy();
    await moto?.stop();
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.clean();
  });

  async function provider(...options: Parameters<typeof guardedRun>) {
    const run = await guardedRun(...options);
    runs.push(run);
    return { guard: run.guard, calls: ec2Calls(run.guard.wrap(client(), aws()), run.guard) };
  }
  const options = (name: string, token: string, securityGroupId: string) => {
    const image = { imageId: "ami-12345678", instanceType: "t3.small" };
    return { token, name, ...image, subnetId, securityGroupId, userData: Buffer.from("#!") };
  };

  it("is found by names where no providerID was written, and taken over only where that is allowed", async () => {
    const before = await provider();
    const here = machineOf({ cluster }, "blue-1", "0a1b2c3d-machine-1");
    const group = await before.guard.reconcile({ cluster }, () => before.calls.createGroup("acme-blue", vpcId));
    const launched = await before.guard.reconcile(here, () =>
      before.calls.launch(options("blue-1", here.machine.uid, group.GroupId ?? "")),
    );

    const there = machineOf(moved, "blue-1", "9f9f9f9f-machine-1");
    const look = ({ guard, calls }: Awaited<ReturnType<typeof provider>>) => ({
      instance: () => guard.reconcile(there, () => calls.findInstance()),
      group: () => guard.reconcile(moved, () => calls.findGroup(vpcId)),
    });
    const untold = await provider({ owner });
    const found = await look(untold).instance();
    expect(found?.InstanceId).toBe(launched.InstanceId);
    const foundGroup = await look(untold).group();
    expect(foundGroup?.GroupId).toBe(group.GroupId);
    const refusal = { code: "ERR_OWNER_FOREIGN", message: expect.stringContaining("ownership.formerOwners") };
    const touch: (() => Promise<void>)[] = [
      () => untold.calls.adopt(found?.InstanceId, found?.Tags),
      () => untold.calls.terminate(found?.InstanceId ?? ""),
    ];
    for (const one of touch) await expect(untold.guard.reconcile(there, one)).rejects.toMatchObject(refusal);
    const touchGroup: (() => Promise<void>)[] = [
      () => untold.calls.adopt(foundGroup?.GroupId, foundGroup?.Tags),
      () => untold.calls.deleteGroup(foundGroup?.GroupId ?? ""),
    ];
    for (const one of touchGroup) await expect(untold.guard.reconcile(moved, one)).rejects.toMatchObject(refusal);

    const told = await provider({ owner, ownership });
    await told.guard.reconcile(there, () => told.calls.adopt(found?.InstanceId, found?.Tags));
    await told.guard.reconcile(moved, () => told.calls.adopt(foundGroup?.GroupId, foundGroup?.Tags));
    const adopted = ownerOf(await look(told).instance());
    expect(adopted).toEqual({
      ...ownerOf(found),
      managementCluster: owner.managementCluster,
      clusterUid: moved.cluster.uid,
      machineUid: there.machine.uid,
    });
    expect(ownerOf(await look(told).group())).toMatchObject({ clusterUid: moved.cluster.uid });
    // The option may go again, and the former owner is refused by now.
    await look(untold).instance();
    await untold.guard.reconcile(there, () => untold.calls.terminate(launched.InstanceId ?? ""));
  });

  it("is none of another network, and no instance that is gone but the machine's own", async () => {
    const before = await provider();
    const here = machineOf({ cluster }, "blue-2", "0a1b2c3d-machine-2");
    const group = await before.guard.reconcile({ cluster }, () => before.calls.createGroup("acme-blue-2", vpcId));
    const own = await before.guard.reconcile(here, async () => {
      const made = await before.calls.launch(options("blue-2", here.machine.uid, group.GroupId ?? ""));
      await before.calls.terminate(made.InstanceId ?? "");
      return before.calls.findInstance();
    });
    expect(own?.State?.Name).toBe("terminated");
    const there = machineOf(moved, "blue-2", "9f9f9f9f-machine-2");
    const after = await provider({ owner, ownership });
    expect(await after.guard.reconcile(there, () => after.calls.findInstance())).toBeUndefined();
    const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.9.0.0/16" }));
    expect(await after.guard.reconcile(moved, () => after.calls.findGroup(Vpc?.VpcId ?? ""))).toBeUndefined();
  });

  it("may be deleted without having been taken over, where the former owner is listed", async () => {
    const before = await provider();
    const here = machineOf({ cluster }, "blue-3", "0a1b2c3d-machine-3");
    const group = await before.guard.reconcile({ cluster }, () => before.calls.createGroup("acme-blue-3", vpcId));
    await before.guard.reconcile(here, () =>
      before.calls.launch(options("blue-3", here.machine.uid, group.GroupId ?? "")),
    );
    const after = await provider({ owner, ownership });
    const there = machineOf(moved, "blue-3", "9f9f9f9f-machine-3");
    await after.guard.reconcile(there, async () => {
      const found = await after.calls.findInstance();
      await after.calls.terminate(found?.InstanceId ?? "");
      expect(await after.calls.findInstance()).toBeUndefined();
    });
    await after.guard.reconcile(moved, () => after.calls.deleteGroup(group.GroupId ?? ""));
  });
});
