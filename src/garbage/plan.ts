import type { OwnerTags } from "../core/tags.ts";
import { tooMany } from "./breakers.ts";
import type { Insides } from "./insides.ts";
import { deletionOrder, type GarbageInventory } from "./inventory.ts";
import { confirmed, type Mark } from "./marks.ts";
import type { Place, TypeRecord } from "./records.ts";

/** What would happen to one marked resource now, and why. */
export interface PlanEntry {
  readonly scope: string;
  readonly type: string;
  readonly id: string;
  readonly name?: string;
  /** `keep`: marked alone, by the policy. */
  readonly decision: "delete" | "wait" | "keep";
  /** In words, one for each thing that speaks for or against it. */
  readonly reasons: readonly string[];
  /** Unix milliseconds of the first observation without an owner. */
  readonly since: number;
  readonly passes: number;
  readonly elapsedMs: number;
  readonly owner: OwnerTags;
}

/** A breaker that a plan would trip, or that is latched. */
export interface TrippedBreaker {
  readonly scope: string;
  readonly type: string;
  readonly reason: string;
  /** How many deletions were wanted. */
  readonly wanted: number;
}

/** What would be deleted now. It can be kept as JSON; a sweep believes nothing of it but which resources are meant. */
export interface GarbagePlan {
  readonly collector: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** In the order of deletion. */
  readonly entries: readonly PlanEntry[];
  /** Marked resources that were left out beyond `maxEntries`; the next plan has them. */
  readonly omitted: number;
  readonly tripped: readonly TrippedBreaker[];
  /** Why nothing may be deleted at this moment. */
  readonly closed?: string;
}

const hours = (ms: number): string => `${(ms / 3_600_000).toFixed(1)} h`;

/** What a mark alone says about deletion: passes, grace, the policy's action. */
export function decide(
  mark: Mark,
  type: string,
  { complete }: TypeRecord,
  { policy, tags }: Pick<Insides, "policy" | "tags">,
): Pick<PlanEntry, "decision" | "reasons" | "passes" | "elapsedMs"> {
  const { passes, elapsedMs } = confirmed(mark, complete?.pass ?? 0);
  const { graceMs, action } = policy.ruleOf(type);
  const gone = mark.owner.machineUid === undefined ? "cluster" : "machine";
  const reasons = [`its ${gone} is gone`];
  const against: string[] = [];
  (passes >= policy.passes ? reasons : against).push(`seen so in ${passes} of ${policy.passes} complete passes`);
  (elapsedMs >= graceMs ? reasons : against).push(`${hours(elapsedMs)} of ${hours(graceMs)} grace`);
  if (tags !== undefined && !mark.tagged) against.push("its mark could not be shown in the cloud yet");
  if (mark.stuck !== undefined) reasons.push(`stuck in ${mark.stuck} sweeps: something depends on it`);
  const said = { passes, elapsedMs };
  if (action === "mark")
    return { ...said, decision: "keep", reasons: ["the policy marks alone", ...against, ...reasons] };
  if (against.length > 0) return { ...said, decision: "wait", reasons: [...against, ...reasons] };
  return { ...said, decision: "delete", reasons };
}

/** Goes through the marks of all types in the order of deletion. */
export async function* decisions(
  inventories: readonly GarbageInventory[],
  parts: Insides,
  signal: AbortSignal,
): AsyncGenerator<PlanEntry> {
  for (const { place } of places(inventories)) {
    const record = await parts.records.type(place, { signal });
    for await (const [id, mark] of parts.records.marks(place, { signal })) {
      signal.throwIfAborted();
      const name = mark.name === undefined ? {} : { name: mark.name };
      yield { ...place, id, ...name, since: mark.since, owner: mark.owner, ...decide(mark, place.type, record, parts) };
    }
  }
}

/** Every type of every inventory, in the order of deletion. */
export function places(inventories: readonly GarbageInventory[]): { inventory: GarbageInventory; place: Place }[] {
  return inventories.flatMap((inventory) =>
    deletionOrder(inventory.types).map((type) => ({ inventory, place: { scope: inventory.scope, type } })),
  );
}

/** Makes a plan. It writes nothing. */
export async function makePlan(
  inventories: readonly GarbageInventory[],
  parts: Insides,
  { collector, maxEntries, signal }: { collector: string; maxEntries: number; signal: AbortSignal },
): Promise<GarbagePlan> {
  const now = parts.clock.now();
  const entries: PlanEntry[] = [];
  let omitted = 0;
  for await (const entry of decisions(inventories, parts, signal)) {
    if (entries.length < maxEntries) entries.push(entry);
    else omitted++;
  }
  const tripped: TrippedBreaker[] = [];
  for (const { place } of places(inventories)) {
    const wanted = entries.filter((entry) => isAt(place, entry) && entry.decision === "delete").length;
    const reason = await trippedBy(place, wanted, parts, signal);
    if (reason !== undefined) tripped.push({ ...place, reason, wanted });
  }
  const closed = parts.policy.closed(now);
  return { collector, at: now, entries, omitted, tripped, ...(closed !== undefined && { closed }) };
}

export const isAt = ({ scope, type }: Place, entry: Place): boolean => entry.scope === scope && entry.type === type;

/** Why so many more deletions at a place would be too many. */
export async function trippedBy(place: Place, wanted: number, parts: Insides, signal: AbortSignal) {
  const breaker = await parts.records.breaker(place, { signal });
  const record = await parts.records.type(place, { signal });
  return tooMany(breaker, record, parts.policy.breakersOf(place.type), wanted, parts.clock.now());
}
