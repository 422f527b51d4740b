import { abortable } from "../core/abort.ts";
import { readErrorInfo } from "../core/error-info.ts";
import { isGuardError } from "../core/errors.ts";
import type { Journal } from "../core/journal.ts";
import { oneMore } from "./breakers.ts";
import { classify } from "./classify.ts";
import type { Insides } from "./insides.ts";
import type { GarbageInventory, GarbageItem } from "./inventory.ts";
import type { Mark } from "./marks.ts";
import type { LiveOwnership } from "./owners.ts";
import { codeOf } from "./pass.ts";
import { decide, type PlanEntry, trippedBy } from "./plan.ts";
import type { Place } from "./records.ts";

/** How the deletion of one resource ended. */
export type Outcome =
  | { readonly outcome: "deleted" | "gone" | "noticed" }
  | { readonly outcome: "skipped"; readonly reason: string }
  /** Something depends on it. */
  | { readonly outcome: "blocked" }
  | { readonly outcome: "failed"; readonly code: string; readonly error: unknown };

/** What deletions work with. */
export interface DeletionParts extends Insides {
  readonly journal: Journal | undefined;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly notify: ((entry: PlanEntry, options: { readonly signal: AbortSignal }) => void | Promise<void>) | undefined;
  /** Owners that were read just now. */
  owners(): Promise<ReadonlyMap<string, LiveOwnership>>;
  /** Whether this process may still write and delete. @throws Where it may not. */
  check(): Promise<void>;
}

/**
 * Deletes one planned resource, if everything that speaks for it is still so: its mark, the policy, the
 * breakers, the resource itself read live, and its owner.
 */
export function deletion(parts: DeletionParts) {
  const { records, clock, policy, provider, signal, dryRun } = parts;
  const skipped = (reason: string): Outcome => ({ outcome: "skipped", reason });

  /** What it is in this moment; `undefined` where it is gone. */
  async function live(inventory: GarbageInventory, { type, id }: PlanEntry): Promise<GarbageItem | undefined> {
    const item = await abortable(inventory.read({ type, id }, { signal }), signal);
    return item === undefined || (item.id === id && item.type === type) ? item : { ...item, tags: "unknown" };
  }

  async function judgeLive(inventory: GarbageInventory, entry: PlanEntry, mark: Mark, item: GarbageItem) {
    const owners = await parts.owners();
    const court = { codec: inventory.codec, owners, provider, policy, watermark: mark.since };
    const judged = parts.tags?.judge(item, classify(item, court)) ?? classify(item, court);
    if (judged.standing !== "unlinked") return judged.reason;
    const { clusterUid, machineUid } = judged.owner ?? {};
    if (clusterUid !== entry.owner.clusterUid || machineUid !== entry.owner.machineUid)
      return "its owner tags have changed";
    return parts.tags?.wasCleared(item, mark) ? "its mark was taken away" : undefined;
  }

  /** Tells people first. @returns Whether it has to wait now. */
  async function notice(entry: PlanEntry, mark: Mark, place: Place): Promise<boolean> {
    if (parts.notify === undefined || dryRun) return false;
    if (mark.noticedAt === undefined) {
      await abortable(Promise.resolve(parts.notify(entry, { signal })), signal);
      await records.saveMark(place, entry.id, { ...mark, noticedAt: clock.now() }, { signal });
      return policy.noticeMs > 0;
    }
    return clock.now() - mark.noticedAt < policy.noticeMs;
  }

  async function remove(
    inventory: GarbageInventory,
    entry: PlanEntry,
    item: GarbageItem,
    place: Place,
  ): Promise<Outcome> {
    const { windowMs } = policy.breakersOf(entry.type);
    await records.changeBreaker(place, (record) => oneMore(record, windowMs, clock.now()), { signal });
    await parts.journal?.append(noticeOf(entry, clock.now()), signal);
    await parts.check();
    const removal = await inventory.delete(item, { signal });
    // A deletion that goes on in the cloud keeps its mark: the next pass sees whether it came to its end.
    if (removal !== "deleting") await records.removeMark(place, entry.id, { signal });
    return { outcome: removal === "gone" ? "gone" : "deleted" };
  }

  async function one(inventory: GarbageInventory, entry: PlanEntry): Promise<Outcome> {
    const place = { scope: entry.scope, type: entry.type };
    signal.throwIfAborted();
    await parts.check();
    const mark = await records.mark(place, entry.id, { signal });
    if (mark === undefined || mark.since !== entry.since) return skipped("its mark has changed since the plan");
    const now = decide(mark, entry.type, await records.type(place, { signal }), parts);
    if (now.decision !== "delete") return skipped(now.reasons[0] ?? now.decision);
    const closed = policy.closed(clock.now());
    if (closed !== undefined) return skipped(closed);
    const tripped = await trippedBy(place, 1, parts, signal);
    if (tripped !== undefined) return skipped(tripped);
    const item = await live(inventory, entry);
    if (item === undefined) {
      if (!dryRun) await records.removeMark(place, entry.id, { signal });
      return { outcome: "gone" };
    }
    const against = await judgeLive(inventory, entry, mark, item);
    if (against !== undefined) return skipped(against);
    if (await notice(entry, mark, place)) return { outcome: "noticed" };
    return dryRun ? { outcome: "deleted" } : remove(inventory, entry, item, place);
  }

  return async (inventory: GarbageInventory, entry: PlanEntry): Promise<Outcome> => {
    try {
      return await one(inventory, entry);
    } catch (error) {
      signal.throwIfAborted();
      if (isGuardError(error) && stopping.has(error.code)) throw error;
      const { class: kind } = readErrorInfo(error);
      if (kind === "conflict") return { outcome: "blocked" };
      // The cloud alone may say that it is gone, and only of this one: the next pass looks.
      return { outcome: "failed", code: codeOf(error), error };
    }
  };
}

/** After these no further deletion makes sense. */
const stopping: ReadonlySet<string> = new Set([
  "ERR_AUDIT_UNAVAILABLE",
  "ERR_COLLECTOR_LOST",
  "ERR_FREEZE_ACTIVE",
  "ERR_GUARD_CLOSED",
  "ERR_LEADER_LOST",
  "ERR_OWNERS_SUSPECT",
  "ERR_LIST_INCOMPLETE",
  "ERR_STATE_UNAVAILABLE",
]);

function noticeOf(entry: PlanEntry, at: number) {
  const { scope, type, id, reasons, passes, elapsedMs, since, owner } = entry;
  const whose = { cluster: owner.clusterUid ?? "", machine: owner.machineUid ?? "", intent: owner.intent ?? "" };
  const details = { scope, type, id, reason: reasons.join("; "), passes, elapsedMs, since, ...whose };
  return { type: "notice", at, event: "garbage-deletion", details } as const;
}
