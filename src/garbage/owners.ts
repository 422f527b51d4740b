import * as z from "zod";
import { clusterOwners } from "../cluster-api/cluster-owners.ts";
import type { ShrinkLimits } from "../cluster-api/shrink-guard.ts";
import type { Clock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import type { KubernetesObject } from "../core/kubernetes-object.ts";
import type { ObjectRef } from "../core/owner.ts";
import type { StateStore } from "../core/state-store.ts";

/** Whoever may own something in one management cluster, read whole. `clusterOwners` reads one such. */
export interface LiveOwnership {
  readonly managementCluster: string;
  /** Unix milliseconds: what was created after this may be missing. */
  readonly beganAt: number;
  readonly clusters: { has(uid: string): boolean; readonly size: number };
  readonly machines: { has(uid: string): boolean; readonly size: number };
}

/** Reads the owners of one management cluster. It rejects rather than to answer with less than all. */
export interface OwnerSource {
  read(options: { readonly signal: AbortSignal }): Promise<LiveOwnership>;
  /** A person has looked: what was refused is so. */
  acknowledge?(options: { readonly signal?: AbortSignal }): Promise<unknown>;
}

/** Options of {@link callbackOwners}. */
export interface CallbackOwnersOptions {
  /** What the resources' owner tags name as their management cluster. */
  readonly managementCluster: string;
  /** Lists them all, live. Rejects where it cannot: a shorter list takes the owners away from everything. */
  readonly list: (options: { readonly signal: AbortSignal }) => Promise<{
    readonly clusters: readonly ObjectRef[];
    readonly machines: readonly ObjectRef[];
  }>;
  /** How much may be lost before a list is not believed. */
  readonly shrink?: ShrinkLimits;
  /** Where the numbers of the last good list are kept. @defaultValue memory */
  readonly state?: StateStore;
  /** Keeps several on one store apart. @defaultValue `default` */
  readonly name?: string;
  readonly clock?: Clock;
}

const schema = z.looseObject({ managementCluster: z.string().min(1), list: z.function() });

/**
 * Owners that a callback lists, for controllers without Cluster API objects. An empty or suddenly much
 * shorter list is refused, as by `clusterOwners`, until it is acknowledged.
 *
 * @param options - See {@link CallbackOwnersOptions}.
 * @returns The source.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { callbackOwners } from "provider-guard/garbage";
 * const owners = callbackOwners({
 *   managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90",
 *   list: async () => ({ clusters: [{ namespace: "default", name: "blue", uid: "0b9e9b1c" }], machines: [] }),
 * });
 */
export function callbackOwners(options: CallbackOwnersOptions): OwnerSource {
  const { managementCluster } = parseOptions(schema, options, "callbackOwners");
  const { list, managementCluster: _, ...rest } = options;
  // Machines are listed first: one answer of the callback serves both lists.
  let answer: ReturnType<typeof list> | undefined;
  const source = (kind: "clusters" | "machines") => ({
    async list({ signal = new AbortController().signal }: { readonly signal?: AbortSignal }) {
      if (kind === "machines" || answer === undefined) answer = list({ signal });
      const items = (await answer)[kind].map((ref): KubernetesObject => ({ metadata: { ...ref } }));
      return { items, metadata: { resourceVersion: "unversioned" } };
    },
    watch: () => Promise.reject(new Error("a callback cannot be watched")),
  });
  return clusterOwners({
    ...rest,
    managementCluster,
    managementClusterUid: async () => managementCluster,
    clusters: source("clusters"),
    machines: source("machines"),
  });
}

/** Owners of several management clusters together: a resource is judged by the one that its tags name. */
export async function readOwners(
  sources: readonly OwnerSource[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, LiveOwnership>> {
  const all = new Map<string, LiveOwnership>();
  for (const source of sources) {
    const read = await source.read({ signal });
    all.set(read.managementCluster, read);
  }
  return all;
}
