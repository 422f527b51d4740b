import { createGuard, type Guard, memoryState, type ObjectRef } from "provider-guard";
import {
  callbackOwners,
  type GarbageCollectorOptions,
  type GarbageInventory,
  type GarbagePolicy,
  garbageCollector,
  stateMarks,
} from "provider-guard/garbage";
import { object } from "provider-guard/object";
import {
  type SimulatedCloudOptions,
  simulatedClock,
  simulatedCloud,
  simulatedCloudInventory,
  simulatedCloudOperations,
} from "provider-guard/testing";
import { memoryJournal } from "../support/memory-journal.ts";

export const hour = 3_600_000;
export const managementCluster = "mgmt-1";
export const provider = "infrastructure-sim";

export const everything: GarbagePolicy = {
  default: { graceMs: 24 * hour, action: "delete" },
  types: { volume: { action: "delete" } },
  breakers: { maxCount: 1000, maxPercent: 100 },
};

/** Owner tags as the guard writes them, for resources that are placed without it. */
export const tagsOf = (clusterUid: string, machineUid?: string) => ({
  "provider-guard/management-cluster": managementCluster,
  "provider-guard/provider": provider,
  "provider-guard/cluster-namespace": "default",
  "provider-guard/cluster-name": clusterUid,
  "provider-guard/cluster-uid": clusterUid,
  ...(machineUid !== undefined && {
    "provider-guard/machine-name": machineUid,
    "provider-guard/machine-uid": machineUid,
  }),
});

const ref = (uid: string): ObjectRef => ({ namespace: "default", name: uid, uid });

/** A simulated cloud, a guarded client, and a collector whose owners a test names. */
export async function cloudWorld(
  options: {
    readonly cloud?: Partial<SimulatedCloudOptions>;
    readonly policy?: GarbagePolicy;
    readonly change?: (inventory: GarbageInventory) => GarbageInventory;
    readonly collector?: Partial<GarbageCollectorOptions>;
  } = {},
) {
  const clock = simulatedClock({ startAt: Date.UTC(2026, 10, 2, 8) });
  const cloud = simulatedCloud({ seed: 1, clock, latency: false, limits: false, deletionMs: 0, ...options.cloud });
  const journal = memoryJournal();
  const guard: Guard = await createGuard({ owner: { managementCluster, provider }, audit: journal, clock });
  const client = guard.wrap(cloud.client({ account: "account-1" }), object(simulatedCloudOperations));
  const plain = simulatedCloudInventory(client);
  const inventory = options.change?.(plain) ?? plain;
  const owners = {
    clusters: new Set(["alive"]),
    machines: new Set(["m-alive"]),
    failing: undefined as Error | undefined,
  };
  const state = memoryState({ clock });
  const source = callbackOwners({
    managementCluster,
    clock,
    shrink: { ratio: 0.5, count: 2 },
    async list() {
      if (owners.failing !== undefined) throw owners.failing;
      return { clusters: [...owners.clusters].map(ref), machines: [...owners.machines].map(ref) };
    },
  });
  const make = (more: Partial<GarbageCollectorOptions> = {}) =>
    garbageCollector({
      owner: { provider },
      inventory,
      owners: source,
      marks: stateMarks({ state }),
      policy: options.policy ?? everything,
      guard,
      clock,
      ...options.collector,
      ...more,
    });
  const collector = make();
  const place = (type: "machine" | "network" | "volume" | "loadBalancer", tags: Record<string, string>, more = {}) => {
    const networkId = type === "machine" || type === "loadBalancer" ? { networkId: net.id } : {};
    const size = type === "volume" ? { sizeGb: 1 } : {};
    return cloud.place(type, { account: "account-1", name: `one ${type}`, tags, ...networkId, ...size, ...more });
  };
  const net = cloud.place("network", { account: "account-1", name: "shared", tags: tagsOf("alive") });

  const run = <T>(work: Promise<T>): Promise<T> => clock.runUntil(work);
  async function pass(ms: number): Promise<void> {
    await clock.advance(ms);
  }
  /** Passes until every grace is over, then plans and sweeps. */
  async function collect() {
    for (let day = 0; day < 30; day++) {
      await run(collector.scan());
      await pass(hour);
    }
    await run(collector.scan());
    return run(collector.sweep(await run(collector.plan())));
  }
  const exists = (id: string) => cloud.inspect().resources.some((each) => each.id === id && each.state !== "deleted");
  return {
    clock,
    cloud,
    guard,
    client,
    journal,
    inventory,
    owners,
    source,
    state,
    collector,
    make,
    place,
    net,
    run,
    pass,
    collect,
    exists,
  };
}
