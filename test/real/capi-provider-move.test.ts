import { setTimeout as sleep } from "node:timers/promises";
import type { Tag } from "@aws-sdk/client-ec2";
import { verifyJournal } from "provider-guard";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recordRequests } from "./capi-provider/requests.ts";
import { isRead } from "./capi-provider/witness.ts";
import {
  acme,
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Lab,
  merge,
  opensNamespace,
  type Provider,
  patient,
  reasonOf,
  standInForKubelets,
} from "./capi-provider.ts";
import { buildClusterctl } from "./clusterctl/build.mjs";
import { clusterApiProviders, installInventory } from "./clusterctl/inventory.ts";
import { moveClusters } from "./clusterctl/move.ts";
import { buildTimeoutMs } from "./kubernetes.ts";

const acmeProvider = {
  label: "infrastructure-acme",
  namespace: "acme-system",
  providerName: "acme",
  type: "InfrastructureProvider",
  version: "v0.1.0",
  groups: [acme.split("/")[0] ?? ""],
} as const;

const deleteForMove = "clusterctl.cluster.x-k8s.io/delete-for-move";

const tagOf = ({ Tags = [] }: { readonly Tags?: Tag[] | undefined }, name: string) =>
  Tags.find(({ Key }) => Key === `provider-guard/${name}`)?.Value;

/** What a Machine is in whatever management cluster it lives. */
const sameEverywhere = (objects: Awaited<ReturnType<Lab["machines"]>>) =>
  objects.map(({ metadata, spec }) => `${metadata.name} ${spec.providerID}`).sort();

describeWithLab("the example provider, and clusterctl move to another management cluster", (start) => {
  let programs: string;
  let source: Lab;
  let target: Lab;
  let recorded: Awaited<ReturnType<typeof recordRequests>>;
  let sourceProvider: Provider;
  let targetProvider: Provider;
  let sourceUid: string;
  const namespaces: string[] = [];
  const networks: Awaited<ReturnType<Lab["makeNetwork"]>>[] = [];
  const endings: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    programs = await buildClusterctl();
    recorded = await recordRequests();
    source = await start();
    target = await start({ beside: source, flags: recorded.flags });
    for (const { kubernetes } of [source, target]) {
      await installInventory(kubernetes, programs, [...clusterApiProviders, acmeProvider]);
    }
    const system = await source.kubernetes.request<{ metadata: { uid: string } }>(
      "GET",
      "/api/v1/namespaces/kube-system",
    );
    sourceUid = system.metadata.uid;
    sourceProvider = await source.startProvider({ env: { AWS_ACCESS_KEY_ID: "source" } });
    targetProvider = await target.startProvider({ env: { AWS_ACCESS_KEY_ID: "target" } });
  }, buildTimeoutMs);
  afterAll(async () => {
    for (const end of endings) await end();
    await target?.stop();
    await source?.stop();
    await recorded?.remove();
  });

  const restartTarget = async (formerManagementClusters: string) => {
    const env = { AWS_ACCESS_KEY_ID: "target", FORMER_MANAGEMENT_CLUSTERS: formerManagementClusters };
    targetProvider = await target.startProvider({ env });
  };
  const calls = (accessKeyId: string) => source.cloud.log.filter((one) => one.accessKeyId === accessKeyId);
  const count = (accessKeyId: string, operation: string) =>
    calls(accessKeyId).filter((one) => one.operation === operation && one.result === 200).length;
  const changes = (accessKeyId: string) =>
    calls(accessKeyId)
      .filter((request) => !isRead(request))
      .map(({ operation }) => operation);
  const move = (namespace: string) =>
    moveClusters({ programs, from: source.kubernetes, to: target.kubernetes, namespace });
  const running = (lab: Lab, namespace: string, machines: number) =>
    expect.poll(async () => (await lab.running(namespace)).length, patient).toBe(machines);
  const objectsOf = async (lab: Lab, namespace: string) => [
    ...(await lab.list(namespace, `${core}/v1beta2`, "clusters")),
    ...(await lab.machines(namespace)),
    ...(await lab.list(namespace, acme, "acmeclusters")),
    ...(await lab.acmeMachines(namespace)),
  ];
  const reasons = async (namespace: string) => {
    const own = [...(await target.list(namespace, acme, "acmeclusters")), ...(await target.acmeMachines(namespace))];
    return own.map((one) => reasonOf(one, "Ready"));
  };

  it("is refused by clusterctl while a Machine has no Node: nothing is paused, and the provider goes on", async () => {
    for (const [name, workers] of [
      ["blue", 2],
      ["green", 1],
    ] as const) {
      const namespace = await source.kubernetes.freshNamespace(name);
      const network = await source.makeNetwork();
      namespaces.push(namespace);
      networks.push(network);
      await connectWorkload(source.kubernetes, { namespace, cluster: name, workload: source.workload });
      await source.apply(...clusterManifests({ namespace, name, network, workers }));
    }
    const [blue = "", green = ""] = namespaces;
    // All of them: clusterctl stumbles over one that comes while it looks.
    await expect.poll(async () => (await source.machines(blue)).length, patient).toBe(3);
    const { code, said } = await move(blue);
    expect(code).toBe(1);
    expect(said).toMatch(/cannot start the move operation while/);
    const [cluster] = await source.list(blue, `${core}/v1beta2`, "clusters");
    expect(cluster?.spec).not.toHaveProperty("paused");
    for (const namespace of namespaces) {
      endings.push(standInForKubelets(source, { namespace, workload: source.workload }));
      endings.push(standInForKubelets(target, { namespace, workload: target.workload }));
    }
    await running(source, blue, 3);
    await running(source, green, 2);
    expect(count("source", "RunInstances")).toBe(5);
  }, 200_000);

  it("leaves an externally managed AcmeCluster alone", async () => {
    const namespace = await source.kubernetes.freshNamespace("external");
    const { vpc, subnets, cidrs } = await source.makeNetwork();
    const manifests = clusterManifests({ namespace, name: "external", network: { vpc, subnets, cidrs } });
    const parts = manifests.filter(({ kind }) => kind === "AcmeCluster" || kind === "Cluster");
    const annotations = { "cluster.x-k8s.io/managed-by": "somebody" };
    await source.apply(...parts.map((one) => ({ ...one, metadata: { ...one.metadata, annotations } })));
    const look = async () => (await source.list(namespace, acme, "acmeclusters"))[0];
    await expect.poll(async () => (await look())?.metadata.ownerReferences?.[0]?.kind, patient).toBe("Cluster");
    await sleep(5_000);
    const found = await look();
    expect(found?.metadata.finalizers ?? []).toEqual([]);
    expect(found?.status).toBeUndefined();
    expect(await source.securityGroups(vpc)).toEqual([]);
  }, 120_000);

  it("takes all to the target, where an unknown former management cluster is told of and nothing is touched", async () => {
    const [blue = "", green = ""] = namespaces;
    const before = [...(await source.machines(blue)), ...(await source.machines(green))];
    const changesBefore = changes("source").length;
    const instances = await source.instances("alive");
    for (const namespace of namespaces) {
      const { code, said } = await move(namespace);
      expect(code, said).toBe(0);
      expect(await objectsOf(source, namespace)).toEqual([]);
      await target.apply(opensNamespace(namespace)); // which clusterctl does not move
    }
    const after = [...(await target.machines(blue)), ...(await target.machines(green))];
    expect(sameEverywhere(after)).toEqual(sameEverywhere(before));
    const uids = new Set(before.map(({ metadata }) => metadata.uid));
    expect(after.filter(({ metadata }) => uids.has(metadata.uid))).toEqual([]);

    await expect.poll(() => reasons(blue), patient).toEqual(Array(4).fill("OwnerForeign"));
    await expect.poll(() => reasons(green), patient).toEqual(Array(3).fill("OwnerForeign"));
    const [acmeCluster] = await target.list(blue, acme, "acmeclusters");
    const ready = acmeCluster?.status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready?.message).toMatch(new RegExp(`list \\{ managementCluster: "${sourceUid}", .*formerOwners`));
    const events = `/apis/events.k8s.io/v1/namespaces/${blue}/events`;
    const told = async () =>
      (
        await target.kubernetes.request<{ items: { reason: string; regarding: { kind: string } }[] }>("GET", events)
      ).items
        .filter(({ reason }) => reason === "OwnerForeign")
        .map(({ regarding }) => regarding.kind);
    await expect.poll(told, patient).toEqual(expect.arrayContaining(["Cluster", "Machine"]));

    // A Cluster that is deleted in this state keeps its objects, and what they stand for.
    await target.kubernetes.request("DELETE", `/apis/${core}/v1beta2/namespaces/${green}/clusters/green`);
    const dying = async () =>
      (await target.acmeMachines(green))
        .filter((one) => one.metadata.deletionTimestamp !== undefined)
        .map((one) => reasonOf(one, "Ready"));
    await expect.poll(dying, patient).toEqual(["OwnerForeign"]);

    const cloudBefore = calls("target").length;
    const apiBefore = (await recorded.requests()).length;
    await sleep(20_000);
    const asked = (await recorded.requests()).slice(apiBefore);
    // The guard's own state is in ConfigMaps, the elector's in a Lease: both are looked at all the time.
    const ofObjects = asked.filter(
      ({ verb, objectRef }) => verb !== "watch" && !/^(leases|configmaps)$/.test(objectRef?.resource ?? ""),
    );
    expect(calls("target").length - cloudBefore).toBeLessThan(14); // of seven objects
    expect(ofObjects.length).toBeLessThan(100);

    expect(changes("source")).toHaveLength(changesBefore);
    expect(changes("target")).toEqual([]);
    const ids = (all: typeof instances) => all.map(({ InstanceId }) => InstanceId).sort();
    expect(ids(await source.instances("alive"))).toEqual(ids(instances));
    const errors = sourceProvider.log().filter(({ event, reason }) => event === "error" && reason !== "NotFound");
    expect(errors).toEqual([]); // an object may go while it is looked at
  }, 300_000);

  it("goes on with the same instances once the former management cluster is listed, also when it is killed meanwhile", async () => {
    const [blue = "", green = ""] = namespaces;
    const instances = async () => (await source.instances("alive")).filter(({ VpcId }) => VpcId === networks[0]?.vpc);
    const before = await instances();
    const adopted = async () => {
      const groups = await Promise.all(networks.map(({ vpc }) => source.securityGroups(vpc)));
      const all = [...(await source.instances("alive")), ...groups.flat()];
      return all.filter((one) => tagOf(one, "management-cluster") !== sourceUid).length;
    };
    targetProvider.process.kill("SIGTERM");
    expect(await targetProvider.ended).toBe(0);

    source.cloud.throttle("CreateTags", 0.001, 1);
    await restartTarget(sourceUid);
    const answers = () =>
      new Set(calls("target").flatMap(({ operation, result }) => (operation === "CreateTags" ? result : [])));
    await expect.poll(answers, patient).toEqual(new Set([200, 503]));
    targetProvider.process.kill("SIGKILL");
    await targetProvider.ended;
    expect(await adopted()).toBe(1);
    source.cloud.throttle("CreateTags", 1_000, 1_000);
    await restartTarget(sourceUid);

    await running(target, blue, 3);
    expect(await reasons(blue)).toEqual(expect.arrayContaining(["Provisioned", "InstanceRunning"]));
    const owners = (await instances()).map((one) => tagOf(one, "machine-uid")).sort();
    expect(owners).toEqual((await target.machines(blue)).map(({ metadata }) => metadata.uid).sort());
    const [group] = await source.securityGroups(networks[0]?.vpc ?? "");
    const [cluster] = await target.list(blue, `${core}/v1beta2`, "clusters");
    expect(tagOf(group ?? {}, "cluster-uid")).toBe(cluster?.metadata.uid);
    expect(tagOf(before[0] ?? {}, "created-at")).toBe(
      tagOf((await instances()).find((one) => one.InstanceId === before[0]?.InstanceId) ?? {}, "created-at"),
    );

    // The one that was to be deleted is deleted, and its instances, which nobody had to adopt before.
    await expect.poll(() => objectsOf(target, green), patient).toEqual([]);
    expect((await source.instances("alive")).filter(({ VpcId }) => VpcId === networks[1]?.vpc)).toEqual([]);
    expect(await source.securityGroups(networks[1]?.vpc ?? "")).toEqual([]);
    expect(count("target", "RunInstances")).toBe(0);
    expect(count("target", "CreateSecurityGroup")).toBe(0);

    const deployment = `/apis/${core}/v1beta2/namespaces/${blue}/machinedeployments/blue`;
    await target.kubernetes.request("PATCH", deployment, { spec: { replicas: 3 } }, merge);
    await running(target, blue, 4);
    expect(count("target", "RunInstances")).toBe(1);
  }, 300_000);

  it("terminates nothing for an object that clusterctl deletes because it was moved", async () => {
    const [blue = ""] = namespaces;
    const [moved] = await target.acmeMachines(blue);
    const path = `/apis/${acme}/namespaces/${blue}/acmemachines/${moved?.metadata.name}`;
    const annotate = (value: "" | null) =>
      target.kubernetes.request("PATCH", path, { metadata: { annotations: { [deleteForMove]: value } } }, merge);
    const terminated = () => changes("target").filter((operation) => operation === "TerminateInstances").length;
    const before = terminated();
    await annotate("");
    await target.kubernetes.request("DELETE", path);
    await sleep(6_000);
    expect(terminated()).toBe(before);
    await annotate(null); // any other deletion is one
    await expect.poll(terminated, patient).toBe(before + 1);
  }, 120_000);

  it("deletes the moved Cluster, and leaves nothing in the cloud", async () => {
    const [blue = ""] = namespaces;
    await target.kubernetes.request("DELETE", `/apis/${core}/v1beta2/namespaces/${blue}/clusters/blue`);
    await expect.poll(() => objectsOf(target, blue), patient).toEqual([]);
    expect(await source.instances("alive")).toEqual([]);
    expect(await source.securityGroups(networks[0]?.vpc ?? "")).toEqual([]);
    expect(changes("source").filter((operation) => /^(Terminate|Delete)/.test(operation))).toEqual([]);
    for (const provider of [sourceProvider, targetProvider]) {
      provider.process.kill("SIGTERM");
      expect(await provider.ended).toBe(0);
      expect(await verifyJournal({ directory: provider.auditDirectory })).toMatchObject({ ok: true });
    }
  }, 200_000);
});
