import { GuardError } from "../core/errors.ts";
import type { Cleaned, Cleaner } from "./clean-sealing.ts";
import type { Teller } from "./vault-events.ts";
import { type CleanUpReason, type MachineRecord, type SealingRecord, withSealing } from "./vault-record.ts";
import type { VaultRecords } from "./vault-records.ts";

/** What a clean-up did. */
export interface CleanUpResult {
  /** How many sealings are clean now that were not before. */
  readonly sealings: number;
  /** How many items were still in the store. */
  readonly items: number;
}

/** Options of {@link CleanUp}. */
export interface CleanUpOptions {
  /** @defaultValue the reason that each has already */
  readonly reason?: SealingRecord["reason"];
  /** Which sealings. @defaultValue all of the machine's */
  readonly select?: (sealing: SealingRecord) => boolean;
  readonly signal: AbortSignal | undefined;
}

/** Cleans up after a machine: writes down that it will, does it, and writes down that it is done. */
export type CleanUp = (uid: string, options: CleanUpOptions) => Promise<CleanUpResult>;

const requeueAfterMs = 30_000;
const ends: readonly unknown[] = ["node", "failed", "deadline", "deleted"] satisfies CleanUpReason[];
const isFinal = (reason: SealingRecord["reason"]) => ends.includes(reason);
const isOver = (reason: unknown): reason is "node" | "deleted" => reason === "node" || reason === "deleted";

/** The record as it is while it is being cleaned; `undefined` where it is so already. */
function marked(
  record: MachineRecord,
  reason: SealingRecord["reason"],
  select: (sealing: SealingRecord) => boolean,
): MachineRecord | undefined {
  const sealings = record.sealings.map((one): SealingRecord => {
    if (one.stage === "cleaned" || !select(one)) return one;
    const better = reason === undefined || isFinal(one.reason) ? one.reason : reason;
    if (one.stage === "cleaning" && one.reason === better) return one;
    return { ...one, stage: "cleaning", reason: better };
  });
  const over = record.over ?? (isOver(reason) ? reason : undefined);
  const same = over === record.over && sealings.every((one, index) => one === record.sealings[index]);
  return same ? undefined : { ...record, sealings, ...(over && { over }) };
}

/** One that is clean, in place of all that were clean before: no more is remembered of a machine. */
function withCleaned(record: MachineRecord, id: string, cleanedAt: number): MachineRecord {
  const others = record.sealings.filter((one) => one.id === id || one.stage !== "cleaned");
  return withSealing({ ...record, sealings: others }, id, ({ leftovers: _, ...sealing }) => ({
    ...sealing,
    stage: "cleaned",
    cleanedAt,
    check: "",
    tokenIds: [],
  }));
}

function notClean(record: MachineRecord, found: readonly Cleaned[]): GuardError {
  const { namespace, name } = record.machine.machine;
  const leftovers = found.flatMap((one) => one.leftovers);
  const what = leftovers.length > 5 ? `${leftovers.length} things` : leftovers.join(", ");
  const message = `bootstrap data of ${namespace}/${name}: left, or not to be told: ${what}`;
  const cause = found.flatMap((one) => one.failures)[0];
  return new GuardError("ERR_BOOTSTRAP_NOT_CLEAN", message, { cause, retryable: true, requeueAfterMs });
}

export function cleanUp(records: VaultRecords, clean: Cleaner, tell: Teller, now: () => number): CleanUp {
  async function one(record: MachineRecord, sealing: SealingRecord, signal: AbortSignal | undefined): Promise<Cleaned> {
    const { uid } = record.machine.machine;
    const needed = record.sealings.filter(({ stage }) => stage === "sealed" || stage === "sealing");
    const keepTokens = sealing.reason === "abandoned" ? "all" : new Set(needed.flatMap(({ tokenIds }) => tokenIds));
    const cleaned = await clean(record.machine, sealing, { keepTokens, signal });
    const about = { machine: record.machine.machine, mode: sealing.mode, reason: sealing.reason ?? "abandoned" };
    const { items, leftovers, failures } = cleaned;
    const change = (latest: MachineRecord) =>
      leftovers.length === 0
        ? withCleaned(latest, sealing.id, now())
        : withSealing(latest, sealing.id, (latestOne) => ({ ...latestOne, leftovers: [...leftovers] }));
    if (leftovers.length > 0) tell({ type: "not-clean", ...about, leftovers, error: failures[0] });
    await records.update(uid, (latest) => latest && change(latest), signal);
    if (leftovers.length === 0) tell({ type: "cleaned", ...about, items });
    return cleaned;
  }

  return async (uid, { reason, select = () => true, signal }) => {
    const { record } = await records.update(uid, (found) => found && marked(found, reason, select), signal);
    const due = record?.sealings.filter((sealing) => sealing.stage === "cleaning" && select(sealing)) ?? [];
    const done: Cleaned[] = [];
    for (const sealing of due) done.push(await one(record as MachineRecord, sealing, signal));
    const dirty = done.filter(({ leftovers }) => leftovers.length > 0);
    if (dirty.length > 0) throw notClean(record as MachineRecord, dirty);
    return { sealings: done.length, items: done.reduce((sum, { items }) => sum + items, 0) };
  };
}
