import type { GarbageInventory, GarbageItem } from "../garbage/inventory.ts";
import { plainTags } from "../ownership/plain-tags.ts";
import type { SimulatedCloudClient } from "./cloud/client.ts";
import { CloudError } from "./cloud/cloud-error.ts";
import type { CloudResource, ResourceType } from "./cloud/resource.ts";

const lists = {
  network: "describeNetworks",
  machine: "describeMachines",
  volume: "describeVolumes",
  loadBalancer: "describeLoadBalancers",
} as const;

const reads = {
  network: "describeNetwork",
  machine: "describeMachine",
  volume: "describeVolume",
  loadBalancer: "describeLoadBalancer",
} as const;

const removals = {
  network: "deleteNetwork",
  machine: "terminateMachine",
  volume: "deleteVolume",
  loadBalancer: "deleteLoadBalancer",
} as const;

const itemOf = ({ id, type, tags, createdAt, name }: CloudResource): GarbageItem => ({
  id,
  type,
  tags,
  createdAt,
  name,
});
const isNotFound = (error: unknown) => error instanceof CloudError && error.code === "NotFound";

/**
 * The simulated cloud as the garbage collector sees it.
 *
 * @param client - A client of the simulated cloud, wrapped by a guard.
 * @param options - `scope`: cloud, account and region, `simulated/account-1/region-1` unless said. `pageSize`: 100 unless said.
 * @returns The inventory.
 * @example
 * import { simulatedClock, simulatedCloud, simulatedCloudInventory } from "provider-guard/testing";
 * const cloud = simulatedCloud({ seed: 1, clock: simulatedClock() });
 * const inventory = simulatedCloudInventory(cloud.client({ account: "account-1" }));
 */
export function simulatedCloudInventory(
  client: SimulatedCloudClient,
  options: { readonly scope?: string; readonly pageSize?: number } = {},
): GarbageInventory {
  const { scope = "simulated/account-1/region-1", pageSize = 100 } = options;
  return {
    scope,
    codec: plainTags,
    types: [
      { name: "loadBalancer", holdsData: false },
      { name: "machine", holdsData: false },
      { name: "volume", holdsData: true, after: ["machine"] },
      { name: "network", holdsData: false, after: ["machine", "loadBalancer"] },
    ],
    async *list(type, { signal, from }) {
      for (let next = from; ; ) {
        const input = { pageSize, ...(next === undefined ? {} : { pageToken: next }) };
        const page = await client[lists[type as ResourceType]](input, { signal });
        next = page.nextToken;
        const items = page.resources.filter(({ state }) => state !== "deleting").map(itemOf);
        yield { items, ...(next !== undefined && { next }) };
        if (next === undefined) return;
      }
    },
    async read({ type, id }, { signal }) {
      try {
        const { resource } = await client[reads[type as ResourceType]]({ id }, { signal });
        return resource.state === "deleting" ? undefined : itemOf(resource);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async delete({ type, id }, { signal }) {
      try {
        const { resource } = await client[removals[type as ResourceType]]({ id }, { signal });
        return resource.state === "deleting" ? "deleting" : "deleted";
      } catch (error) {
        if (isNotFound(error)) return "gone";
        throw error;
      }
    },
    async tag({ id }, key, value, { signal }) {
      if (value === undefined) await client.untagResource({ ids: [id], keys: [key] }, { signal });
      else await client.tagResource({ ids: [id], tags: { [key]: value } }, { signal });
    },
  };
}
