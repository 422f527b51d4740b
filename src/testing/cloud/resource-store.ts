import type { Clock } from "../../core/clock.ts";
import type { CloudResource, ResourceOf, ResourceState, ResourceType } from "./resource.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A resource as the server holds it. */
export type StoredResource<T extends ResourceType = ResourceType> = Mutable<Omit<ResourceOf[T], "state">> & {
  readonly type: T;
  /** Order of creation, over all accounts: what page tokens count in. */
  readonly order: number;
  /** Monotonic milliseconds from which lists and describes show it. */
  readonly visibleAt: number;
  /** Monotonic milliseconds from which it is in use. */
  readonly readyAt: number;
  /** Monotonic milliseconds from which it does not exist any more. */
  goneAt: number;
};

/** Any resource, with the fields of every type where they may be. */
export type AnyStored = {
  [T in ResourceType]: StoredResource<T>;
}[ResourceType];

/** Every resource of every account, with what is needed to page and to check dependencies in little time. */
export interface ResourceStore {
  add(resource: AnyStored): void;
  /** By id, unless it is gone. Whether it is visible yet is another question. */
  get(id: string): AnyStored | undefined;
  /** Asks for its deletion; it is gone `deletionMs` later, which is 0 or the same for all. */
  remove(resource: AnyStored, deletionMs: number): void;
  attach(volume: StoredResource<"volume">, machineId: string | undefined): void;
  /** Whether a machine or a load balancer is in this network. */
  inUse(networkId: string): boolean;
  /** Existing resources of one account and region by order of creation, after this order. */
  after(account: string, region: string, type: ResourceType | undefined, order: number): Iterable<AnyStored>;
  /** Every resource there ever was. */
  all(): Iterable<AnyStored>;
  stateOf(resource: AnyStored): ResourceState;
}

interface Index {
  items: AnyStored[];
  gone: number;
}

/** Index of the first item after `order`. */
function firstAfter(items: readonly AnyStored[], order: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle] as AnyStored).order <= order) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Makes an empty store. Deletions take effect with time, without a timer. */
export function resourceStore(clock: Clock): ResourceStore {
  const byId = new Map<string, AnyStored>();
  const indexes = new Map<string, Index>();
  const users = new Map<string, Set<string>>(); // network -> machines and load balancers in it
  const volumes = new Map<string, Set<StoredResource<"volume">>>(); // machine -> attached volumes
  const balancers = new Set<StoredResource<"loadBalancer">>();
  let leaving: AnyStored[] = []; // by time of going
  let left = 0;

  const keysOf = (resource: AnyStored) => [
    `${resource.account}/${resource.region}/*`,
    `${resource.account}/${resource.region}/${resource.type}`,
  ];

  function attach(volume: StoredResource<"volume">, machineId: string | undefined): void {
    if (volume.machineId !== undefined) volumes.get(volume.machineId)?.delete(volume);
    if (machineId === undefined) {
      delete volume.machineId;
      return;
    }
    volume.machineId = machineId;
    const attached = volumes.get(machineId) ?? new Set();
    volumes.set(machineId, attached.add(volume));
  }

  function vanish(resource: AnyStored): void {
    for (const key of keysOf(resource)) {
      const index = indexes.get(key);
      if (index === undefined) continue;
      index.gone++;
      if (index.gone < 256 || index.gone * 2 < index.items.length) continue;
      index.items = index.items.filter((item) => item.goneAt > clock.monotonic());
      index.gone = 0;
    }
    if ("networkId" in resource) users.get(resource.networkId)?.delete(resource.id);
    if (resource.type === "volume") attach(resource, undefined);
    if (resource.type === "loadBalancer") balancers.delete(resource);
    if (resource.type !== "machine") return;
    for (const volume of volumes.get(resource.id) ?? []) attach(volume, undefined);
    volumes.delete(resource.id);
    for (const balancer of balancers) {
      if (!balancer.machineIds.includes(resource.id)) continue;
      balancer.machineIds = balancer.machineIds.filter((id) => id !== resource.id);
    }
  }

  /** Lets deletions whose time has come take effect. */
  function collect(): void {
    const now = clock.monotonic();
    for (let next = leaving[left]; next !== undefined && next.goneAt <= now; next = leaving[++left]) vanish(next);
    if (left < 1024) return;
    leaving = leaving.slice(left);
    left = 0;
  }

  return {
    add(resource) {
      byId.set(resource.id, resource);
      for (const key of keysOf(resource)) {
        const index = indexes.get(key) ?? { items: [], gone: 0 };
        index.items.push(resource);
        indexes.set(key, index);
      }
      if ("networkId" in resource) {
        const inside = users.get(resource.networkId) ?? new Set();
        users.set(resource.networkId, inside.add(resource.id));
      }
      if (resource.type === "volume") attach(resource, resource.machineId);
      if (resource.type === "loadBalancer") balancers.add(resource);
    },
    get(id) {
      collect();
      const resource = byId.get(id);
      return resource !== undefined && resource.goneAt > clock.monotonic() ? resource : undefined;
    },
    remove(resource, deletionMs) {
      if (resource.deletedAt !== undefined) return;
      resource.deletedAt = Math.floor(clock.now());
      resource.goneAt = clock.monotonic() + deletionMs;
      if (deletionMs === 0) vanish(resource);
      else leaving.push(resource);
    },
    attach,
    inUse(networkId) {
      collect();
      return (users.get(networkId)?.size ?? 0) > 0;
    },
    *after(account, region, type, order) {
      collect();
      const items = indexes.get(`${account}/${region}/${type ?? "*"}`)?.items ?? [];
      for (let i = firstAfter(items, order); i < items.length; i++) {
        const item = items[i] as AnyStored;
        if (item.goneAt > clock.monotonic()) yield item;
      }
    },
    all: () => byId.values(),
    stateOf(resource) {
      const now = clock.monotonic();
      if (resource.goneAt <= now) return "deleted";
      if (resource.deletedAt !== undefined) return "deleting";
      if (now < resource.readyAt) return "pending";
      return resource.type === "volume" && resource.machineId !== undefined ? "in-use" : "available";
    },
  };
}

/** What a caller gets to see of a resource: a copy. */
export function viewOf(resource: AnyStored, state: ResourceState): CloudResource {
  const { order: _order, visibleAt: _visibleAt, readyAt: _readyAt, goneAt: _goneAt, ...rest } = resource;
  const view = { ...rest, tags: { ...resource.tags }, state };
  return ("machineIds" in view ? { ...view, machineIds: [...view.machineIds] } : view) as CloudResource;
}
