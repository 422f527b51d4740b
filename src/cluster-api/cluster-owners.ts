import * as z from "zod";
import { abortable, joinSignals } from "../core/abort.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { memoryState } from "../core/memory-state.ts";
import type { StateStore } from "../core/state-store.ts";
import { listPages } from "./list-pages.ts";
import type { ObjectSource } from "./object-source.ts";
import { type OwnerRecord, ownerRecords, suspect } from "./owner-records.ts";
import { type LiveOwner, type LiveOwners, liveOwner, liveOwners, type OwnerSnapshot } from "./owner-snapshot.ts";
import { hasLost, type OwnerTally, type ShrinkLimits, suspicion, tallyOf } from "./shrink-guard.ts";
import { fn, watchName } from "./watch-options.ts";

/** Options of {@link clusterOwners}. */
export interface ClusterOwnersOptions {
  /** All Clusters, of all namespaces. */
  readonly clusters: ObjectSource;
  /** All Machines, of all namespaces. */
  readonly machines: ObjectSource;
  /** UID of the `kube-system` namespace of the management cluster that is meant. */
  readonly managementCluster: string;
  /** Reads that UID with the client that `clusters` and `machines` use, e.g. by `managementClusterOf`. */
  readonly managementClusterUid: (options: { readonly signal: AbortSignal }) => Promise<string>;
  /** How much may be lost before a list is not believed. */
  readonly shrink?: ShrinkLimits;
  /** Where the numbers of the last good list are kept; share it, so that a restart forgets nothing. @defaultValue memory */
  readonly state?: StateStore;
  /** Keeps several on one store apart. @defaultValue `default` */
  readonly name?: string;
  /** Objects per page. @defaultValue 500 */
  readonly pageSize?: number;
  /** How often a list begins again when its pages are gone (410). @defaultValue 3 */
  readonly maxRestarts?: number;
  /** How long a reading may take, in milliseconds: what takes longer is not fresh. @defaultValue 300000 */
  readonly timeoutMs?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** The live owners of a management cluster. */
export interface ClusterOwners {
  /**
   * Reads them all, now.
   * @returns The whole list; there are no partial ones.
   * @throws {@link GuardError} `ERR_OWNERS_SUSPECT`: the list is complete, and not to be believed.
   * @throws {@link GuardError} `ERR_LIST_INCOMPLETE`: pages that make no list, or too slow.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: nothing to compare with.
   * @throws What a page failed with, untouched; `signal.reason`.
   */
  read(options?: { readonly signal?: AbortSignal }): Promise<OwnerSnapshot>;
  /**
   * Accepts the numbers of the list that was refused last, in whichever process: a person has looked, and
   * the Clusters and Machines are gone indeed. The next reading is held against these.
   * @returns What was accepted; `undefined` where nothing is refused any more.
   */
  acknowledge(options?: { readonly signal?: AbortSignal }): Promise<OwnerTally | undefined>;
}

const source = z.looseObject({ list: fn });

const schema = z.strictObject({
  clusters: source,
  machines: source,
  managementCluster: z.string().min(1),
  managementClusterUid: fn,
  shrink: z
    .strictObject({
      ratio: z.number().min(0).max(1).default(0.2),
      count: z.number().int().min(0).default(3),
      windowMs: z.number().min(0).default(3_600_000),
    })
    .prefault({}),
  state: z.looseObject({ get: fn, compareAndSet: fn }).optional(),
  name: watchName,
  pageSize: z.number().int().min(1).max(10_000).default(500),
  maxRestarts: z.number().int().min(0).max(100).default(3),
  timeoutMs: z.number().min(1).default(300_000),
  clock: z.looseObject({}).optional(),
});

/**
 * Reads the Clusters and Machines of a management cluster, for whoever must know that something has no
 * owner any more: live, whole and once more each time. It refuses rather than to answer with less: a
 * page that fails or an item without UID ends the reading; a list whose pages are gone begins again;
 * another management cluster than the one that is meant is noticed by the UID of `kube-system`.
 *
 * What is whole may still be wrong: an API server that lost its data, or was restored from a copy. So a
 * list without any Cluster, one that is older than another before, and one that lacks more than
 * `shrink` allows are refused until {@link ClusterOwners.acknowledge}, or until it is well again.
 *
 * @param options - See {@link ClusterOwnersOptions}.
 * @returns What reads them.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { clusterOwners, type ObjectSource } from "provider-guard/cluster-api";
 * declare const clusters: ObjectSource;
 * declare const machines: ObjectSource;
 * declare const managementClusterUid: () => Promise<string>;
 * const owners = clusterOwners({
 *   clusters,
 *   machines,
 *   managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90",
 *   managementClusterUid,
 * });
 * const { machines: live } = await owners.read();
 * live.has("0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00");
 */
export function clusterOwners(options: ClusterOwnersOptions): ClusterOwners {
  const { shrink, name, managementCluster, ...limits } = parseOptions(schema, options, "clusterOwners");
  const { clusters, machines, managementClusterUid, clock = systemClock } = options;
  const state = options.state ?? memoryState({ clock });
  const { update } = ownerRecords({ state, key: `cluster-api/owners/${name}`, managementCluster });
  /** The objects behind baseline and refusal, if this process read them: found again by their tallies. */
  const read = new Map<"baseline" | "refused", OwnerSnapshot>();

  function snapshotOf(tally: OwnerTally | undefined): OwnerSnapshot | undefined {
    const wanted = JSON.stringify(tally);
    return [...read.values()].find((snapshot) => JSON.stringify(tallyOf(snapshot)) === wanted);
  }

  async function checkManagementCluster(signal: AbortSignal): Promise<void> {
    const uid = await abortable(managementClusterUid({ signal }), signal);
    if (uid === managementCluster) return;
    throw suspect(`managementCluster: kube-system has the UID ${uid}, expected ${managementCluster}`);
  }

  async function list(from: ObjectSource, signal: AbortSignal): Promise<LiveOwners> {
    const byUid = new Map<string, LiveOwner>();
    const sink = {
      item(object: Parameters<typeof liveOwner>[0]) {
        const owner = liveOwner(object);
        if (!byUid.has(owner.uid)) byUid.set(owner.uid, owner);
        else throw new GuardError("ERR_LIST_INCOMPLETE", "list: the same UID twice", { retryable: true });
      },
      restart: () => byUid.clear(),
    };
    const resourceVersion = await listPages(from, sink, { ...limits, signal });
    return liveOwners(byUid, resourceVersion);
  }

  async function readAll(signal: AbortSignal): Promise<OwnerSnapshot> {
    const beganAt = clock.now();
    await checkManagementCluster(signal);
    const live = { machines: await list(machines, signal), clusters: await list(clusters, signal) };
    await checkManagementCluster(signal);
    return Object.freeze({ managementCluster, beganAt, endedAt: clock.now(), ...live });
  }

  function judge(snapshot: OwnerSnapshot, document: OwnerRecord): [OwnerRecord, string | undefined] {
    const { baseline: tally, last } = document;
    const now = tallyOf(snapshot);
    const baseline = { tally, last, snapshot: snapshotOf(tally) };
    const doubt = suspicion(baseline, snapshot, shrink);
    if (doubt !== undefined) {
      read.set("refused", snapshot);
      return [{ ...document, refused: now }, doubt];
    }
    // Losses add up until the window ends; what only grew is compared with from now on.
    const renew = tally === undefined || now.at - tally.at >= shrink.windowMs || !hasLost(baseline, snapshot);
    if (renew) read.set("baseline", snapshot);
    read.delete("refused");
    return [{ managementCluster, baseline: renew ? now : tally, last: now }, undefined];
  }

  return {
    async read({ signal } = {}) {
      signal?.throwIfAborted();
      const slow = new AbortController();
      const timer = clock.setTimeout(() => {
        const message = `list: not read whole within ${limits.timeoutMs} ms`;
        slow.abort(new GuardError("ERR_LIST_INCOMPLETE", message, { retryable: true }));
      }, limits.timeoutMs);
      try {
        const joined = joinSignals(signal, slow.signal) ?? slow.signal;
        const snapshot = await readAll(joined);
        const doubt = await update(joined, (document) => judge(snapshot, document));
        if (doubt !== undefined) throw suspect(`${doubt}; refused until somebody acknowledges that it is so`);
        return snapshot;
      } finally {
        timer.cancel();
      }
    },
    acknowledge({ signal } = {}) {
      return update(signal, ({ refused, ...document }) => {
        if (refused === undefined) return [document, undefined];
        const snapshot = snapshotOf(refused);
        read.clear();
        if (snapshot !== undefined) read.set("baseline", snapshot);
        return [{ ...document, baseline: refused, last: refused }, refused];
      });
    },
  };
}
