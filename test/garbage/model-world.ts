import { type Clock, memoryState, plainTags, type StateStore } from "provider-guard";
import { clusterOwners, type ObjectSource } from "provider-guard/cluster-api";
import {
  type GarbageCollector,
  type GarbageInventory,
  type GarbageItem,
  garbageCollector,
  stateMarks,
} from "provider-guard/garbage";

export const hour = 3_600_000;
const graceMs = 3 * hour;
const maxGapMs = hour / 2;
const minAgeMs = 3_600_000;
const managementCluster = "mgmt-1";

/** What really is, whatever anybody is told. */
export interface Truth {
  readonly id: string;
  readonly type: "machine" | "network";
  owner: string;
  readonly foreign: boolean;
  isProtected: boolean;
  readonly createdAt: number;
  /** True time since when nobody owns it. */
  unownedAt: number | undefined;
  /** Complete passes that began since. */
  passes: number;
  /** Restarts since: each may take a jump of the clock for elapsed time. */
  restarts: number;
  readonly network?: string;
}

/** A crash: nothing of this process goes on. */
export class Crash extends Error {}

/** What goes wrong next. */
export interface Faults {
  /** The list breaks off at this page. */
  listFailsAt?: number | undefined;
  unreadableTags?: boolean | undefined;
  /** Milliseconds by which the API server's answers are old. */
  staleMs?: number | undefined;
  ownersFail?: boolean | undefined;
  ownersEmpty?: boolean | undefined;
  readsFail?: boolean | undefined;
  deletesFail?: boolean | undefined;
  /** Operations of the store until the process dies. */
  crashAfter?: number | undefined;
  /** Runs in mid-list. */
  midList?: (() => void) | undefined;
}

/** A world with a true time of its own, and collectors that see it through faults. */
export function modelWorld(
  options: { readonly collector?: (of: Parameters<typeof garbageCollector>[0]) => GarbageCollector } = {},
) {
  let time = 1_800_000_000_000;
  let skew = 0;
  const pageSize = 2;
  const faults: Faults = {};
  const clusters = new Map<string, { readonly bornAt: number; diedAt: number }>();
  const resources = new Map<string, Truth>();
  const violations: string[] = [];
  let made = 0;
  let deletions = 0;
  const store = memoryState({ clock: trueClock(() => time) });

  function trueClock(now: () => number, origin = 0): Clock {
    return { now: () => now() + skew, monotonic: () => time - origin, setTimeout: () => ({ cancel() {} }) };
  }

  const lives = (uid: string) => clusters.get(uid)?.diedAt === Number.POSITIVE_INFINITY;

  function itemOf(truth: Truth): GarbageItem {
    const owner = {
      managementCluster: truth.foreign ? "another" : managementCluster,
      provider: "infrastructure-model",
      cluster: { namespace: "default", name: truth.owner, uid: truth.owner },
    };
    const tags = {
      ...plainTags.encode(owner, truth.createdAt, truth.id),
      ...(truth.isProtected && { "provider-guard-protect": "" }),
    };
    return {
      id: truth.id,
      type: truth.type,
      tags: faults.unreadableTags ? "unknown" : tags,
      createdAt: truth.createdAt,
    };
  }

  /** Nothing alive is ever deleted. */
  function judge(truth: Truth): void {
    const blame = (what: string) => violations.push(`${truth.id}: ${what}`);
    if (truth.foreign) blame("a stranger's");
    if (truth.isProtected) blame("protected");
    if (truth.unownedAt === undefined || lives(truth.owner)) blame("its owner lives");
    else if (time - truth.unownedAt + truth.restarts * maxGapMs < graceMs) blame("its grace is not over");
    if (time - truth.createdAt < minAgeMs) blame("young");
    if (truth.passes < 2) blame(`seen by ${truth.passes} complete passes`);
  }

  const inventory: GarbageInventory = {
    scope: "model/account/region",
    codec: plainTags,
    types: [
      { name: "machine", holdsData: false },
      { name: "network", holdsData: false, after: ["machine"] },
    ],
    async *list(type, { from }) {
      const all = [...resources.values()].filter((truth) => truth.type === type);
      let at =
        from === undefined
          ? 0
          : Math.max(
              0,
              all.findIndex(({ id }) => id > from),
            );
      if (from !== undefined && all.every(({ id }) => id <= from)) at = all.length;
      for (let page = 0; ; page++) {
        if (faults.listFailsAt === page) throw new Error("the list broke off");
        const items = all.slice(at, at + pageSize).filter(({ id }) => resources.has(id));
        at += pageSize;
        const more = at < all.length;
        yield { items: items.map(itemOf), ...(more && { next: all[at - 1]?.id ?? "" }) };
        faults.midList?.();
        faults.midList = undefined;
        if (!more) return;
      }
    },
    async read({ id }) {
      if (faults.readsFail) throw new Error("503");
      const truth = resources.get(id);
      return truth && itemOf(truth);
    },
    async delete({ id }) {
      if (faults.deletesFail) throw new Error("503");
      const truth = resources.get(id);
      if (truth === undefined) return "gone";
      if ([...resources.values()].some(({ network }) => network === id)) {
        throw Object.assign(new Error("in use"), { status: 409 });
      }
      judge(truth);
      resources.delete(id);
      deletions++;
      return "deleted";
    },
  };

  const source = (items: () => readonly { readonly uid: string }[]): ObjectSource => ({
    async list() {
      if (faults.ownersFail) throw new Error("503");
      const shown = faults.ownersEmpty ? [] : items();
      const resourceVersion = String(time - (faults.staleMs ?? 0));
      return {
        items: shown.map(({ uid }) => ({ metadata: { namespace: "default", name: uid, uid } })),
        metadata: { resourceVersion },
      };
    },
    watch: () => Promise.reject(new Error("not watched")),
  });

  function clustersNow() {
    const at = time - (faults.staleMs ?? 0);
    return [...clusters].filter(([, { bornAt, diedAt }]) => bornAt <= at && diedAt > at).map(([uid]) => ({ uid }));
  }

  /** A process of its own, that may die at any operation of its store. */
  function start(): GarbageCollector {
    const clock = trueClock(() => time, time - 1000 * made++);
    let dead = false;
    const mortal = new Proxy(store, {
      get(target, key: keyof StateStore) {
        const method = target[key];
        if (typeof method !== "function") return method;
        return (...args: unknown[]) => {
          if (faults.crashAfter !== undefined && faults.crashAfter-- <= 0) dead = true;
          if (dead && key !== "scan") return Promise.reject(new Crash("dead"));
          return (method as (...args: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const owners = clusterOwners({
      clusters: source(clustersNow),
      machines: source(() => []),
      managementCluster,
      managementClusterUid: async () => managementCluster,
      shrink: { ratio: 0.9, count: 100 },
      state: store,
      clock,
    });
    return (options.collector ?? garbageCollector)({
      owner: { provider: "infrastructure-model" },
      inventory,
      owners,
      marks: stateMarks({ state: mortal }),
      policy: {
        default: { graceMs, action: "delete" },
        minAgeMs,
        maxGapMs,
        breakers: { maxCount: 1000, maxPercent: 100 },
      },
      retryMs: [],
      clock,
    });
  }

  return {
    faults,
    clusters,
    resources,
    violations,
    start,
    pass(ms: number) {
      time += ms;
    },
    jump(ms: number) {
      skew += ms;
    },
    addCluster(uid: string) {
      if (!clusters.has(uid)) clusters.set(uid, { bornAt: time, diedAt: Number.POSITIVE_INFINITY });
    },
    killCluster(uid: string) {
      const cluster = clusters.get(uid);
      if (cluster === undefined || !lives(uid)) return;
      cluster.diedAt = time;
      for (const truth of resources.values())
        if (truth.owner === uid) Object.assign(truth, { unownedAt: time, passes: 0, restarts: 0 });
    },
    create(owner: string, type: Truth["type"], foreign = false, network?: string) {
      const id = `${type}-${String(made++).padStart(6, "0")}`;
      const unownedAt = lives(owner) ? undefined : time;
      const base = { id, type, owner, foreign, isProtected: false, createdAt: time, unownedAt, passes: 0, restarts: 0 };
      resources.set(id, { ...base, ...(network !== undefined && { network }) });
      return id;
    },
    adopt(truth: Truth, owner: string) {
      if (lives(owner)) Object.assign(truth, { owner, unownedAt: undefined, passes: 0, restarts: 0 });
    },
    /** The model's own count of complete passes. */
    passed(types: readonly string[], beganAt: number) {
      for (const truth of resources.values()) {
        if (truth.unownedAt !== undefined && truth.unownedAt <= beganAt && types.includes(truth.type)) truth.passes++;
      }
    },
    restarted() {
      for (const truth of resources.values()) truth.restarts++;
    },
    deletions: () => deletions,
    now: () => time,
    skew: () => skew,
    /** What has to be gone in the end: what something of others is in stays. */
    orphans() {
      const isUsed = ({ id }: Truth) => [...resources.values()].some(({ network }) => network === id);
      const isOrphan = (t: Truth) => t.unownedAt !== undefined && !t.foreign && !t.isProtected;
      return [...resources.values()].filter((truth) => isOrphan(truth) && !isUsed(truth));
    },
  };
}
