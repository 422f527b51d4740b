import { eachBounded } from "../core/each-bounded.ts";
import type { Bounded } from "./bounded.ts";
import type { BootstrapFormat, BootstrapMode, BootstrapStore, OpenerReport } from "./contract.ts";
import { itemNames } from "./item-name.ts";
import type { EndReason, MachineRecord, SealingRecord } from "./vault-record.ts";

/**
 * How far a machine's bootstrap data is.
 * - `none`: nothing was sealed, or it is forgotten.
 * - `sealing`: it is being put.
 * - `sealed`: it waits for the machine.
 * - `opened`: the machine has opened it: its items are gone before anybody here cleaned up.
 * - `expired`: nobody can open it any more, and it was not cleaned up yet.
 * - `cleaning`: it was to be cleaned up, and something is left.
 * - `cleaned`: nothing is left.
 */
export type BootstrapStage = "none" | "sealing" | "sealed" | "opened" | "expired" | "cleaning" | "cleaned";

/** What the vault knows of a machine. */
export interface BootstrapStatus {
  readonly stage: BootstrapStage;
  readonly mode?: BootstrapMode;
  readonly format?: BootstrapFormat;
  /** Unix milliseconds. */
  readonly sealedAt?: number;
  /** Unix milliseconds. */
  readonly expiresAt?: number;
  /** Why it was, or is being, cleaned up. */
  readonly reason?: EndReason;
  /** What its opener said last, where the store hears of it: why it failed, and whether it will try again. */
  readonly report?: OpenerReport;
  /** What is left of any sealing of the machine: names of items, `metadata`, `token`. */
  readonly leftovers: readonly string[];
}

/** What a status is told by. */
export interface StatusParts {
  readonly store: BootstrapStore | undefined;
  readonly bounded: Bounded;
  readonly now: () => number;
  readonly concurrency: number;
}

export function statusTeller({ store, bounded, now, concurrency }: StatusParts) {
  async function isOpened(sealing: SealingRecord, signal: AbortSignal | undefined): Promise<boolean> {
    if (sealing.items === 0 || store === undefined || store.name !== sealing.store) return false;
    let there = 0;
    const failures = await eachBounded(itemNames(sealing.id, sealing.items), concurrency, async (name) => {
      if (await bounded(`store ${store.name}`, (options) => store.has(name, options), signal)) there++;
    });
    if (failures.length > 0 && there === 0) throw failures[0];
    return there === 0;
  }

  async function stageOf(sealing: SealingRecord, signal: AbortSignal | undefined): Promise<BootstrapStage> {
    if (sealing.stage !== "sealed") return sealing.stage;
    if (await isOpened(sealing, signal)) return "opened";
    return now() >= sealing.expiresAt ? "expired" : "sealed";
  }

  async function reportOf({ id, store: name }: SealingRecord, signal: AbortSignal | undefined) {
    if (store?.report === undefined || store.name !== name) return undefined;
    return bounded(`store ${name}`, async (options) => store.report?.(id, options), signal);
  }

  return async (record: MachineRecord | undefined, signal: AbortSignal | undefined): Promise<BootstrapStatus> => {
    const leftovers = record?.sealings.flatMap((one) => one.leftovers ?? []) ?? [];
    const latest = record?.sealings.at(-1);
    if (latest === undefined) return { stage: "none", leftovers };
    const { mode, format, sealedAt, expiresAt, reason } = latest;
    const stage = await stageOf(latest, signal);
    const report = await reportOf(latest, signal);
    return {
      stage,
      mode,
      format,
      sealedAt,
      expiresAt,
      ...(reason && { reason }),
      ...(report && { report }),
      leftovers,
    };
  };
}
