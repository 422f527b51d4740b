import {
  CreateTagsCommand,
  CreateVpcCommand,
  DeleteTagsCommand,
  DeleteVpcCommand,
  DescribeTagsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { plainTags } from "provider-guard";
import { aws } from "provider-guard/aws";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type GuardedRun, guardedRun, stranger, subject } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

const former = "6f9c2a51-7d0e-4a3b"; // what guardedRun's guards work for by default
const owner = { managementCluster: "0d0d0d0d-0000-4000", provider: "infrastructure-test" };
const cluster = subject.cluster;
const moved = { cluster: { ...cluster, uid: "9f9f9f9f-cluster-blue" } };

describeWithMoto("a cluster of EC2 that was moved", (program) => {
  let moto: Moto;
  const runs: GuardedRun[] = [];

  async function guarded(...options: Parameters<typeof guardedRun>) {
    const run = await guardedRun(...options);
    runs.push(run);
    const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
    const ec2 = run.guard.wrap(new EC2Client({ endpoint: moto.url, region: "eu-central-1", credentials }), aws());

    async function tagsOf(id: string) {
      const { Tags = [] } = await ec2.send(
        new DescribeTagsCommand({ Filters: [{ Name: "resource-id", Values: [id] }] }),
      );
      return plainTags.decode(Object.fromEntries(Tags.map(({ Key = "", Value = "" }) => [Key, Value])));
    }
    async function takeOver(...ids: string[]) {
      const { createdAt = 0, intent = "" } = (await tagsOf(ids[0] as string)) ?? {};
      const tags = Object.entries(plainTags.encode(run.guard.owner(), createdAt * 1000, intent));
      const Tags = tags.map(([Key, Value]) => ({ Key, Value }));
      await ec2.send(new CreateTagsCommand({ Resources: ids, Tags }));
      return Tags;
    }
    const makeVpc = async () =>
      (await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }))).Vpc?.VpcId as string;
    return { guard: run.guard, ec2, tagsOf, takeOver, makeVpc };
  }

  beforeAll(async () => {
    moto = await startMoto(program);
  });
  afterAll(() => moto?.stop());
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.clean();
  });

  it("takes its resources over with CreateTags, and nothing of a neighbour's", async () => {
    const before = await guarded();
    const ours = await before.guard.reconcile({ cluster }, before.makeVpc);
    const theirs = await before.guard.reconcile(stranger, before.makeVpc);
    const made = await before.tagsOf(ours);

    const refused = await guarded({ owner });
    const remove = (VpcId: string) => () => refused.ec2.send(new DeleteVpcCommand({ VpcId }));
    await expect(refused.guard.reconcile(moved, remove(ours))).rejects.toMatchObject({
      code: "ERR_OWNER_FOREIGN",
      message: expect.stringContaining("ownership.formerOwners"),
    });

    const { guard, ec2, tagsOf, takeOver } = await guarded({
      owner,
      ownership: { formerOwners: [{ managementCluster: former }] },
    });
    await guard.reconcile(moved, async () => {
      await expect(takeOver(ours, theirs)).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
      const Tags = await takeOver(ours);
      await takeOver(ours);
      // EC2 takes away what is named with its value: these pairs are a takeover in CreateTags alone.
      const strip = ec2.send(new DeleteTagsCommand({ Resources: [ours], Tags }));
      await expect(strip).rejects.toMatchObject({ code: "ERR_OWNER_RESERVED_TAG" });
    });
    expect(await tagsOf(ours)).toEqual({ ...made, ...owner, clusterUid: moved.cluster.uid });
    expect(await tagsOf(theirs)).toMatchObject({ managementCluster: former, clusterUid: stranger.cluster.uid });

    const after = await guarded({ owner });
    await after.guard.reconcile(moved, () => after.ec2.send(new DeleteVpcCommand({ VpcId: ours })));
    await expect(before.guard.reconcile({ cluster }, () => before.takeOver(theirs))).rejects.toMatchObject({
      code: "ERR_OWNER_FOREIGN",
    });
  });
});
