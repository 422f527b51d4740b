import { memoryState } from "provider-guard";
import { clusterOwners } from "provider-guard/cluster-api";
import { garbageCollector, stateMarks } from "provider-guard/garbage";
import { bootstrapSecretInventory, secretStore } from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it } from "vitest";
import { movableClock } from "./collector/clock.ts";
import { ownerObjects } from "./collector/owner-objects.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const hour = 3_600_000;
const provider = "infrastructure-test";

describeWithKubernetes("bootstrap data that is left over in Secrets of the real API server", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  it("goes when its Machine is gone, and no other Secret does", async () => {
    const namespace = await kubernetes.freshNamespace("leftovers");
    const { core, sources, make, remove } = await ownerObjects(kubernetes, namespace);
    const { managementCluster } = sources;
    const clock = movableClock();
    const state = memoryState({ clock });
    const store = secretStore({ core, namespace });
    await make("Cluster", "blue");
    const uids = new Map<string, string>();
    for (const [index, name] of ["one", "two"].entries()) {
      const uid = await make("Machine", name);
      uids.set(name, uid);
      const at = { namespace, name: "blue", uid: "blue" };
      const machine = { managementCluster, provider, cluster: at, machine: { namespace, name, uid } };
      const item = `${String(index).repeat(32)}/0`;
      await store.put(item, Buffer.from("sealed"), { machine, expiresAt: Date.now() + hour } as never);
    }
    await core.createNamespacedSecret({ namespace, body: { metadata: { name: "a-person-s" } } });
    const names = async () =>
      (await core.listNamespacedSecret({ namespace })).items.map(({ metadata }) => metadata?.name).sort();
    const before = await names();
    expect(before).toHaveLength(3);
    await remove("Machine", "one");

    clock.advance(hour);
    const collector = garbageCollector({
      owner: { provider },
      inventory: bootstrapSecretInventory({ core, namespace, owner: { managementCluster, provider } }),
      owners: clusterOwners({ ...sources, state, clock }),
      marks: stateMarks({ state }),
      policy: { default: { graceMs: 2 * hour, action: "delete" } },
      clock,
    });
    for (let pass = 0; pass < 3; pass++) {
      expect((await collector.scan()).incomplete).toEqual([]);
      clock.advance(2 * hour);
    }
    const { deleted } = await collector.sweep(await collector.plan());
    expect(deleted.map(({ owner }) => owner.machineUid)).toEqual([uids.get("one")]);
    expect(before.filter((name) => name !== deleted[0]?.name?.split("/")[1])).toEqual(await names());
    expect(await names()).toHaveLength(2);
  });
});
