import { eachBounded } from "../core/each-bounded.ts";
import type { Bounded } from "./bounded.ts";
import type { CleanUp } from "./clean-up.ts";
import type { BootstrapStore, StoredItem } from "./contract.ts";
import type { Teller } from "./vault-events.ts";
import type { MachineRecord, SealingRecord } from "./vault-record.ts";
import type { VaultRecords } from "./vault-records.ts";

/** What a sweep did. */
export interface SweepResult {
  /** Machines that were looked at. */
  readonly machines: number;
  /** Machines, `namespace/name`, of which something was to be cleaned, and is clean now. */
  readonly cleaned: readonly string[];
  /** Names of items that no record knew, and that were deleted. */
  readonly removed: readonly string[];
  /** How many items that no record knows are in the store, younger than their time to live, or of an unknown age. */
  readonly young: number;
  /** What could not be cleaned or looked at, and is to be swept again. */
  readonly failures: readonly SweepFailure[];
}

/** Something that a sweep could not do. */
export interface SweepFailure {
  /** `state`, `store`, `namespace/name` of a machine, or the name of an item. */
  readonly what: string;
  readonly error: unknown;
}

/** What sweeping works with. */
export interface SweepParts {
  readonly managementCluster: string;
  readonly records: VaultRecords;
  readonly store: BootstrapStore | undefined;
  readonly bounded: Bounded;
  readonly cleanUp: CleanUp;
  readonly tell: Teller;
  readonly now: () => number;
  readonly concurrency: number;
  readonly abandonedMs: number;
  /** For items that do not say when they expire. */
  readonly maxTtlMs: number;
  readonly running: ReadonlySet<string>;
}

/** A sealing's process may be slow, and its clock a little off. */
const patience = 5;

interface Known {
  /** What has a record, and is not clean: not to be touched but through it. */
  readonly kept: Set<string>;
  /** What has a record, and is clean: whatever of it shows up came too late. */
  readonly cleaned: Set<string>;
}

export function sweeper(parts: SweepParts) {
  const { managementCluster, records, store, bounded, tell, now, concurrency } = parts;

  /** What `sweep` does about a sealing: the reason to clean it, if there is one. */
  function due({ id, stage, sealedAt, expiresAt, reason }: SealingRecord): SealingRecord["reason"] {
    if (stage === "cleaning") return reason ?? "abandoned";
    if (stage === "sealed") return now() >= expiresAt ? "deadline" : undefined;
    const isAbandoned = now() >= sealedAt + patience * parts.abandonedMs && !parts.running.has(id);
    return stage === "sealing" && isAbandoned ? "abandoned" : undefined;
  }

  async function cleanMachine({ machine, sealings }: MachineRecord, signal: AbortSignal | undefined): Promise<boolean> {
    const reasons = new Map(sealings.map((one) => [one.id, due(one)] as const));
    const distinct = new Set([...reasons.values()].filter((reason) => reason !== undefined));
    for (const reason of distinct) {
      // As it stands by now: what became sealed since is not abandoned.
      const select = (one: SealingRecord) => reasons.get(one.id) === reason && due(one) !== undefined;
      await parts.cleanUp(machine.machine.uid, { reason, select, signal });
    }
    return distinct.size > 0;
  }

  async function unknownItems(known: Known, signal: AbortSignal | undefined): Promise<StoredItem[]> {
    const found: StoredItem[] = [];
    for await (const item of store?.list({ managementCluster, ...(signal && { signal }) }) ?? []) {
      if (!known.kept.has(item.name.split("/")[0] as string)) found.push(item);
    }
    return found;
  }

  function isOld({ name, createdAt, expiresAt }: StoredItem, { cleaned }: Known): boolean {
    if (cleaned.has(name.split("/")[0] as string)) return true;
    const end = expiresAt ?? (createdAt === undefined ? Number.POSITIVE_INFINITY : createdAt + parts.maxTtlMs);
    return now() >= end;
  }

  return async (signal: AbortSignal | undefined): Promise<SweepResult> => {
    const machines: MachineRecord[] = [];
    const known: Known = { kept: new Set(parts.running), cleaned: new Set() };
    const cleaned: string[] = [];
    const removed: string[] = [];
    const failures: SweepFailure[] = [];
    let young = 0;
    let done = 0;

    /** Failures do not keep the rest from being swept; an abort ends it. */
    async function trying(what: string, work: () => Promise<void>): Promise<void> {
      try {
        await work();
      } catch (error) {
        signal?.throwIfAborted();
        failures.push({ what, error });
      }
    }

    async function all<T>(list: readonly T[], nameOf: (one: T) => string, work: (one: T) => Promise<void>) {
      const total = done + list.length;
      await eachBounded(list, concurrency, async (one) => {
        signal?.throwIfAborted();
        await trying(nameOf(one), () => work(one));
        tell({ type: "progress", done: ++done, total });
      });
      signal?.throwIfAborted();
    }

    await trying("state", async () => {
      for await (const record of records.all(signal)) {
        machines.push(record);
        for (const { id, stage } of record.sealings) known[stage === "cleaned" ? "cleaned" : "kept"].add(id);
      }
    });
    const nameOf = ({ machine: { machine } }: MachineRecord) => `${machine.namespace}/${machine.name}`;
    await all(machines, nameOf, async (record) => {
      if (await cleanMachine(record, signal)) cleaned.push(nameOf(record));
    });
    // Without the records, too: what has expired by its own tags is of no use to anybody.
    let unknown: StoredItem[] = [];
    await trying("store", async () => {
      unknown = await unknownItems(known, signal);
    });
    const old = unknown.filter((item) => isOld(item, known));
    young = unknown.length - old.length;
    await all(
      old,
      ({ name }) => name,
      async ({ name, machineUid }) => {
        if (store === undefined) return;
        await bounded(`store ${store.name}`, (options) => store.delete(name, options), signal);
        if (await bounded(`store ${store.name}`, (options) => store.has(name, options), signal)) {
          throw new Error("the item is still there after it was deleted");
        }
        removed.push(name);
        tell({ type: "removed", item: name, machineUid });
      },
    );
    return { machines: machines.length, cleaned, removed, young, failures };
  };
}
