import type { ObjectRef } from "../core/owner.ts";
import type { Identified } from "./list-pages.ts";

/** A Cluster or Machine that may own resources. */
export interface LiveOwner extends ObjectRef {
  /** Whether it is being deleted: until it is gone its resources are its own. */
  readonly deleting: boolean;
}

/** All objects of one kind at one moment, by UID. It cannot be changed. */
export interface LiveOwners {
  /** The moment that the list shows. */
  readonly resourceVersion: string;
  readonly size: number;
  has(uid: string): boolean;
  get(uid: string): LiveOwner | undefined;
  values(): IterableIterator<LiveOwner>;
}

/** Everything that may own resources of a management cluster, read whole. */
export interface OwnerSnapshot {
  /** UID of `kube-system`, the same before and after the reading. */
  readonly managementCluster: string;
  /** Unix milliseconds. What was created after this may be missing. */
  readonly beganAt: number;
  /** Unix milliseconds. */
  readonly endedAt: number;
  /** Listed after the Machines, so that a Machine's Cluster is missing only if it was deleted meanwhile. */
  readonly clusters: LiveOwners;
  readonly machines: LiveOwners;
}

/** Keeps of an object what says whose it is. */
export function liveOwner({ metadata }: Identified): LiveOwner {
  const { namespace = "", name, uid, deletionTimestamp } = metadata;
  return Object.freeze({ namespace, name, uid, deleting: deletionTimestamp != null });
}

/** Closes a collection for good: a `Map` could be changed by whoever holds it. */
export function liveOwners(byUid: ReadonlyMap<string, LiveOwner>, resourceVersion: string): LiveOwners {
  return Object.freeze({
    resourceVersion,
    size: byUid.size,
    has: (uid: string) => byUid.has(uid),
    get: (uid: string) => byUid.get(uid),
    values: () => byUid.values(),
  });
}
