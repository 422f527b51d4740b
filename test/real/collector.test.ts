import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateKeyPairCommand,
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  CreateVolumeCommand,
  EC2Client,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { plainTags, type StateStore } from "provider-guard";
import { aws, awsInventory } from "provider-guard/aws";
import { clusterOwners } from "provider-guard/cluster-api";
import { fileState } from "provider-guard/file";
import { type GarbageCollector, type GarbageInventory, garbageCollector, stateMarks } from "provider-guard/garbage";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type CloudProxy, startCloudProxy } from "./cloud-proxy.ts";
import { movableClock } from "./collector/clock.ts";
import { ownerObjects } from "./collector/owner-objects.ts";
import { type GuardedRun, guardedRun } from "./guarded.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

const hour = 3_600_000;
const region = "eu-central-1";
const provider = "infrastructure-test";
const ImageId = "ami-12345678";

type Tags = { readonly Key: string; readonly Value: string }[];

const title = "2,000 resources on moto, owners on the real API server";
describeWithMoto(title, (python) =>
  describeWithKubernetes("garbage collection", () => {
    let moto: Moto;
    let proxy: CloudProxy;
    let kubernetes: Kubernetes;
    let run: GuardedRun;
    let raw: EC2Client;
    let owners: Awaited<ReturnType<typeof ownerObjects>>;
    let inventory: GarbageInventory;
    let state: StateStore;
    let folder: string;
    const clock = movableClock();

    beforeAll(async () => {
      moto = await startMoto(python);
      proxy = await startCloudProxy(moto.url);
      kubernetes = await startKubernetes();
      folder = await mkdtemp(join(tmpdir(), "collector-"));
      owners = await ownerObjects(kubernetes, await kubernetes.freshNamespace("collector"));
      const config = { region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
      raw = new EC2Client({ ...config, endpoint: moto.url });
      run = await guardedRun({ owner: { managementCluster: owners.sources.managementCluster, provider } });
      const ec2 = run.guard.wrap(new EC2Client({ ...config, endpoint: proxy.url }), aws());
      inventory = awsInventory({ account: "123456789012", region, clients: { ec2 } });
      state = await fileState({ directory: folder });
    }, 120_000);
    afterAll(async () => {
      await run?.clean();
      await state?.close();
      await kubernetes?.stop();
      await proxy?.stop();
      await moto?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    function tagsOf(cluster: { name: string; uid: string }, machine?: { name: string; uid: string }): Tags {
      const at = { namespace: "default" };
      const of = { cluster: { ...at, ...cluster }, ...(machine && { machine: { ...at, ...machine } }) };
      const tags = plainTags.encode(
        { managementCluster: owners.sources.managementCluster, provider, ...of },
        Date.now(),
        "intent",
      );
      return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    }

    async function instances(count: number, tags: Tags, groups: string[] = []): Promise<string[]> {
      const specification =
        tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: "instance" as const, Tags: tags }] };
      const input = {
        ImageId,
        MinCount: count,
        MaxCount: count,
        ...specification,
        ...(groups.length > 0 && { SecurityGroupIds: groups }),
      };
      const { Instances = [] } = await raw.send(new RunInstancesCommand(input));
      return Instances.map(({ InstanceId }) => InstanceId as string);
    }

    const group = async (name: string, tags: Tags) => {
      const input = {
        GroupName: name,
        Description: name,
        TagSpecifications: [{ ResourceType: "security-group" as const, Tags: tags }],
      };
      return (await raw.send(new CreateSecurityGroupCommand(input))).GroupId as string;
    };

    async function everything(): Promise<Set<string>> {
      const ids = new Set<string>();
      const all = awsInventory({ account: "123456789012", region, clients: { ec2: raw } });
      for (const { name } of all.types) {
        for await (const { items } of all.list(name, { signal: new AbortController().signal }))
          for (const { id } of items) ids.add(id);
      }
      return ids;
    }

    function collectorOf(): GarbageCollector {
      return garbageCollector({
        owner: { provider },
        inventory,
        owners: clusterOwners({ ...owners.sources, state, clock, shrink: { ratio: 0.3, count: 3 } }),
        marks: stateMarks({ state }),
        policy: {
          default: { graceMs: 24 * hour, action: "delete" },
          types: { volume: { action: "delete" } },
          breakers: { maxCount: 300, maxPercent: 100 },
        },
        guard: run.guard,
        clock,
        concurrency: 16,
        retryMs: [100, 500, 1000],
      });
    }

    it("exactly the 300 orphans go, in dependency order and under the rate limit; then nothing, whatever the API server does", async () => {
      const live: { name: string; uid: string }[] = [];
      for (const name of ["blue", "green", "red", "white", "black"])
        live.push({ name, uid: await owners.make("Cluster", name) });
      const machine = { name: "blue-1", uid: await owners.make("Machine", "blue-1") };
      const [blue] = live as [{ name: string; uid: string }];
      const dead = { name: "gone", uid: "11111111-2222-3333-4444-555555555555" };

      const orphans: string[] = [];
      const deadGroups: string[] = [];
      for (let at = 0; at < 10; at++) deadGroups.push(await group(`gone-${at}`, tagsOf(dead)));
      for (const each of deadGroups) orphans.push(each, ...(await instances(24, tagsOf(dead), [each])));
      orphans.push(...(await instances(20, tagsOf(blue, { name: "blue-0", uid: "replaced-machine" }))));
      for (let at = 0; at < 10; at++) {
        const volume = {
          Size: 1,
          AvailabilityZone: `${region}a`,
          TagSpecifications: [{ ResourceType: "volume" as const, Tags: tagsOf(dead) }],
        };
        orphans.push((await raw.send(new CreateVolumeCommand(volume))).VolumeId as string);
        const template = {
          LaunchTemplateName: `gone-${at}`,
          LaunchTemplateData: { ImageId },
          TagSpecifications: [{ ResourceType: "launch-template" as const, Tags: tagsOf(dead) }],
        };
        orphans.push(
          (await raw.send(new CreateLaunchTemplateCommand(template))).LaunchTemplate?.LaunchTemplateId as string,
        );
      }
      orphans.push(...(await instances(10, tagsOf(dead))));
      expect(orphans).toHaveLength(300);
      for (const each of live) await instances(200, tagsOf(each));
      await instances(100, tagsOf(blue, machine));
      await instances(400, []);
      const other = tagsOf(dead).map((tag) =>
        tag.Key.endsWith("management-cluster") ? { ...tag, Value: "another" } : tag,
      );
      await instances(200, other);
      await raw.send(new CreateKeyPairCommand({ KeyName: "a person's" }));
      const before = await everythingOfAll(raw);
      expect(before.size).toBeGreaterThanOrEqual(2_000);

      clock.advance(hour);
      const collector = collectorOf();
      for (let pass = 0; pass < 3; pass++) {
        const { incomplete } = await collector.scan();
        expect(incomplete).toEqual([]);
        clock.advance(13 * hour);
      }
      // AWS's own numbers for TerminateInstances: more than these, and the proxy throttles as EC2 does.
      proxy.throttle("TerminateInstances", 5, 100);
      const plan = await collector.plan();
      expect(
        plan.entries
          .filter(({ decision }) => decision === "delete")
          .map(({ id }) => id)
          .sort(),
      ).toEqual([...orphans].sort());
      const { deleted, gone, stuck, failed, skipped, tripped } = await collector.sweep(plan);
      expect({ stuck, failed, skipped, tripped, gone }).toEqual({
        stuck: [],
        failed: [],
        skipped: [],
        tripped: [],
        gone: [],
      });
      expect(deleted).toHaveLength(300);
      const after = await everythingOfAll(raw);
      expect([...before].filter((id) => !after.has(id)).sort()).toEqual([...orphans].sort());
      expect(proxy.log.filter(({ operation, result }) => operation === "TerminateInstances" && result !== 200)).toEqual(
        [],
      );
      const order = proxy.log.filter(({ result }) => result === 200).map(({ operation }) => operation);
      expect(order.indexOf("DeleteSecurityGroup")).toBeGreaterThan(order.lastIndexOf("TerminateInstances"));
      const live1 = after.size;

      const nothingGoes = async () => {
        clock.advance(13 * hour);
        await collector.scan().catch(() => {});
        await collector.sweep(await collector.plan()).catch(() => {});
        expect((await everythingOfAll(raw)).size).toBe(live1);
      };
      await kubernetes.kill();
      await expect(collector.scan()).rejects.toThrow();
      await nothingGoes();
      await kubernetes.restart();
      await owners.empty();
      await expect(collector.scan()).rejects.toMatchObject({ code: "ERR_OWNERS_SUSPECT" });
      await nothingGoes();
      await nothingGoes();
      await kubernetes.restart();
      await nothingGoes();
      await expect(collectorOf().scan()).rejects.toMatchObject({ code: "ERR_OWNERS_SUSPECT" });

      const { verification, records } = await run.finish();
      expect(verification.ok).toBe(true);
      const notices = records.filter((each) => each.type === "notice" && each.event === "garbage-deletion");
      const told = notices.map((each) => ("details" in each ? each.details : undefined));
      expect(told.map((details) => details?.id).sort()).toEqual([...orphans].sort());
      expect(
        told.every((details) => /is gone; seen so in \d+ of 2 complete passes; \d/.test(String(details?.reason))),
      ).toBe(true);
    }, 600_000);

    /** Strangers' resources among them: the inventory itself asks for what has owner tags alone. */
    async function everythingOfAll(client: EC2Client): Promise<Set<string>> {
      const ids = await everything();
      const { paginateDescribeInstances } = await import("@aws-sdk/client-ec2");
      for await (const { Reservations = [] } of paginateDescribeInstances({ client }, {})) {
        for (const { InstanceId = "", State } of Reservations.flatMap(({ Instances = [] }) => Instances)) {
          if (State?.Name === "running") ids.add(InstanceId);
        }
      }
      return ids;
    }
  }),
);
