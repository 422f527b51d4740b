import { sleep } from "../core/clock.ts";
import { eachBounded } from "../core/each-bounded.ts";
import { type DeletionParts, deletion, type Outcome } from "./deletion.ts";
import type { GarbageInventory } from "./inventory.ts";
import { type GarbagePlan, isAt, type PlanEntry, places, type TrippedBreaker, trippedBy } from "./plan.ts";
import type { Place } from "./records.ts";

/** How a sweep ended. */
export interface GarbageSweep {
  /** Resources whose deletion was taken by the cloud (in a dry run: would be asked for). */
  readonly deleted: readonly PlanEntry[];
  /** What was not there any more. */
  readonly gone: readonly PlanEntry[];
  /** What is told of now, and deleted once its notice is over. */
  readonly noticed: readonly PlanEntry[];
  readonly skipped: readonly { readonly entry: PlanEntry; readonly reason: string }[];
  /** What something depends on, after every try of this sweep. */
  readonly stuck: readonly PlanEntry[];
  readonly failed: readonly { readonly entry: PlanEntry; readonly code: string; readonly error: unknown }[];
  readonly tripped: readonly TrippedBreaker[];
}

/** Options of one sweep, with the parts that it works with. */
export interface SweepParts extends DeletionParts {
  readonly concurrency: number;
  /** Waits between two tries of what something depends on, in milliseconds. */
  readonly retryMs: readonly number[];
}

/** Deletes what a plan says, types in the order of their dependencies. */
export async function sweep(
  plan: GarbagePlan,
  inventories: readonly GarbageInventory[],
  parts: SweepParts,
): Promise<GarbageSweep> {
  const { signal, records, clock, dryRun } = parts;
  const done: { [K in "deleted" | "gone" | "noticed" | "stuck"]: PlanEntry[] } = {
    deleted: [],
    gone: [],
    noticed: [],
    stuck: [],
  };
  const skipped: { entry: PlanEntry; reason: string }[] = [];
  const failed: { entry: PlanEntry; code: string; error: unknown }[] = [];
  const tripped: TrippedBreaker[] = [];
  const wanted = plan.entries.filter(({ decision }) => decision === "delete");
  const remove = deletion(parts);
  let settled = 0;

  function tell(entry: PlanEntry, outcome: string): void {
    settled++;
    parts.tell({ type: "swept", entry, outcome, done: settled, total: wanted.length });
  }

  /** @returns Whether to try again. */
  function keep(entry: PlanEntry, said: Outcome): boolean {
    if (said.outcome === "blocked") return true;
    if (said.outcome === "skipped") skipped.push({ entry, reason: said.reason });
    else if (said.outcome === "failed") failed.push({ entry, code: said.code, error: said.error });
    else done[said.outcome].push(entry);
    tell(entry, said.outcome);
    return false;
  }

  async function isStuck(place: Place, entry: PlanEntry): Promise<void> {
    const mark = await records.mark(place, entry.id, { signal });
    if (mark !== undefined)
      await records.saveMark(place, entry.id, { ...mark, stuck: (mark.stuck ?? 0) + 1 }, { signal });
    done.stuck.push(entry);
    tell(entry, "stuck");
  }

  async function sweepType(inventory: GarbageInventory, place: Place, entries: readonly PlanEntry[]): Promise<void> {
    let left = entries;
    for (const waitMs of [0, ...parts.retryMs]) {
      if (left.length === 0) return;
      if (waitMs > 0) await sleep(clock, waitMs, signal);
      const blocked: PlanEntry[] = [];
      const stop = new AbortController();
      const failures = await eachBounded(left, parts.concurrency, async (entry) => {
        if (stop.signal.aborted) return;
        try {
          if (keep(entry, await remove(inventory, entry))) blocked.push(entry);
        } catch (error) {
          stop.abort();
          throw error;
        }
      });
      signal.throwIfAborted();
      if (failures.length > 0) throw failures[0];
      left = blocked;
    }
    for (const entry of left) await isStuck(place, entry);
  }

  async function trip(place: Place, entries: readonly PlanEntry[], reason: string): Promise<void> {
    const latched = { at: clock.now(), reason, wanted: entries.length };
    tripped.push({ ...place, reason, wanted: entries.length });
    for (const entry of entries) {
      skipped.push({ entry, reason });
      tell(entry, "skipped");
    }
    if (!dryRun) await records.changeBreaker(place, (record) => ({ latched, ...record }), { signal });
  }

  for (const { inventory, place } of places(inventories)) {
    const entries = wanted.filter((entry) => isAt(place, entry));
    if (entries.length === 0) continue;
    await parts.check();
    const reason = await trippedBy(place, entries.length, parts, signal);
    if (reason === undefined) await sweepType(inventory, place, entries);
    else await trip(place, entries, reason);
  }
  return { ...done, skipped, failed, tripped };
}
