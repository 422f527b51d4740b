import { readErrorInfo } from "../core/error-info.ts";
import { isGuardError } from "../core/errors.ts";
import type { OwnerTags } from "../core/tags.ts";
import { type Court, classify, type Judgement } from "./classify.ts";
import type { Insides } from "./insides.ts";
import type { GarbageInventory, GarbageItem } from "./inventory.ts";
import { marked } from "./marked.ts";
import { type Credit, counted, type Mark, stalled } from "./marks.ts";
import type { LiveOwnership } from "./owners.ts";
import { emptyTally, type Place, type Tally, type TypeRecord } from "./records.ts";

/** How long a pass that was cut off may be gone on with, in milliseconds. */
const resumeMs = 3_600_000;

/** A short name of what went wrong, without anything of a message. */
export function codeOf(error: unknown): string {
  if (isGuardError(error)) return error.code;
  const { code, class: kind } = readErrorInfo(error);
  return code ?? kind;
}

/** The listing of one type, with its marks written; it counts once it is settled. */
export interface Listing {
  readonly inventory: GarbageInventory;
  readonly place: Place;
  readonly credit: Credit;
  readonly startedAt: number;
  readonly record: TypeRecord;
  readonly tally: Tally;
}

/** What a pass works with. */
export interface PassParts extends Insides {
  readonly owners: ReadonlyMap<string, LiveOwnership>;
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
  /** Before every write. @throws Where this process may not write any more. */
  check(): Promise<void>;
}

/** Whoever got a new owner since begins a new clock. */
const isSameOwner = (one: OwnerTags, other: OwnerTags | undefined): boolean =>
  one.managementCluster === other?.managementCluster &&
  one.clusterUid === other.clusterUid &&
  one.machineUid === other.machineUid;

/** Milliseconds between the end of the last complete pass and now that may count as seen. */
function creditOf({ complete }: TypeRecord, { clock, process, policy }: PassParts): number {
  if (complete === undefined) return 0;
  const bySelf = complete.process === process ? clock.monotonic() - complete.endedAtMonotonic : policy.maxGapMs;
  return Math.max(0, Math.min(clock.now() - complete.endedAt, bySelf));
}

/** Lists one type, page by page, and marks what has no owner. @throws What a page failed with: the pass is not complete. */
export async function listType(inventory: GarbageInventory, place: Place, parts: PassParts): Promise<Listing> {
  const { records, clock, policy, provider, owners, signal, dryRun, tell } = parts;
  const found = await records.type(place, { signal });
  const { checkpoint } = found;
  const now = clock.now();
  const resumed = checkpoint !== undefined && now >= checkpoint.at && now - checkpoint.at < resumeMs && !dryRun;
  const pass = resumed ? checkpoint.pass : found.passes + 1;
  const startedAt = resumed ? checkpoint.startedAt : now;
  const tally = resumed ? { ...checkpoint.tally } : emptyTally();
  const { checkpoint: _, ...record } = { ...found, passes: pass };
  const credit: Credit = { pass, complete: found.complete?.pass ?? 0, creditMs: creditOf(found, parts) };
  const court: Court = { codec: inventory.codec, owners, provider, policy, watermark: startedAt };
  if (!resumed && !dryRun) await records.saveType(place, record, { signal });

  const known = marked();
  for await (const [id] of records.marks(place, { signal })) known.add(id);

  async function unmark(item: GarbageItem, { standing, reason }: Judgement): Promise<void> {
    if (!dryRun && known.mayHave(item.id) && (await records.removeMark(place, item.id, { signal }))) {
      tell({ type: "unmarked", scope: place.scope, of: place.type, id: item.id, reason });
    }
    if (standing === "linked") await parts.tags?.clear(inventory, item, dryRun, signal);
  }

  async function mark(item: GarbageItem, { owner, reason }: Judgement): Promise<void> {
    let old = known.mayHave(item.id) ? await records.mark(place, item.id, { signal }) : undefined;
    if (parts.tags?.wasCleared(item, old) || (old !== undefined && !isSameOwner(old.owner, owner))) old = undefined;
    if (dryRun) return old === undefined ? tell({ type: "marked", ...where(item), reason }) : undefined;
    const seen = { owner: owner ?? { managementCluster: "", provider: "" }, ...(item.name && { name: item.name }) };
    const next = counted(old, credit, clock.now(), seen);
    await records.saveMark(place, item.id, next, { signal });
    await show(item, next);
    if (old === undefined) tell({ type: "marked", ...where(item), reason });
  }

  const where = ({ id }: GarbageItem) => ({ scope: place.scope, of: place.type, id });

  /** Shows the mark in the cloud. Where it cannot be shown, the resource is not deleted either. */
  async function show(item: GarbageItem, next: Mark): Promise<void> {
    if (parts.tags === undefined || next.tagged || !(await parts.tags.write(inventory, item, next, signal))) return;
    await records.saveMark(place, item.id, { ...next, tagged: true }, { signal });
  }

  async function observe(item: GarbageItem): Promise<void> {
    const judged = parts.tags?.judge(item, classify(item, court)) ?? classify(item, court);
    tally.seen++;
    tally[judged.standing]++;
    if (judged.standing === "unlinked") return mark(item, judged);
    if (judged.standing !== "unknown") return unmark(item, judged);
    const old = known.mayHave(item.id) ? await records.mark(place, item.id, { signal }) : undefined;
    if (old === undefined || dryRun) return;
    await records.saveMark(place, item.id, stalled(old, credit), { signal });
  }

  const from = resumed ? { from: checkpoint.next } : {};
  let pages = 0;
  try {
    for await (const { items, next } of inventory.list(place.type, { signal, ...from })) {
      signal.throwIfAborted();
      pages++;
      if (!dryRun) await parts.check();
      for (let at = 0; at < items.length; at += 32) await Promise.all(items.slice(at, at + 32).map(observe));
      tell({ type: "page", scope: place.scope, of: place.type, tally });
      if (next === undefined || dryRun) continue;
      const reached = { pass, startedAt, at: clock.now(), next, tally };
      await records.saveType(place, { ...record, checkpoint: reached }, { signal });
    }
  } catch (error) {
    // The cloud may have forgotten that page: the next pass begins anew.
    if (resumed && pages === 0) await records.saveType(place, record);
    throw error;
  }
  signal.throwIfAborted();
  return { inventory, place, credit, startedAt, record, tally };
}

/**
 * Makes a listing count: marks of what it has not seen go, and so do those of resources whose owner is
 * there after all, by owners that were read after the listing.
 */
export async function settle(listing: Listing, parts: PassParts): Promise<void> {
  const { records, clock, provider, owners, signal, tell, process } = parts;
  const { place, credit, startedAt, record, tally } = listing;
  await parts.check();
  for await (const [id, mark] of records.marks(place, { signal })) {
    const live = owners.get(mark.owner.managementCluster);
    const { clusterUid = "", machineUid } = mark.owner;
    const owned =
      live === undefined || (machineUid === undefined ? live.clusters.has(clusterUid) : live.machines.has(machineUid));
    if (mark.pass === credit.pass && !owned && mark.owner.provider === provider) continue;
    await records.removeMark(place, id, { signal });
    tell({
      type: "unmarked",
      scope: place.scope,
      of: place.type,
      id,
      reason: owned ? "its owner lives" : "not there any more",
    });
  }
  await parts.check();
  const ended = { endedAt: clock.now(), endedAtMonotonic: clock.monotonic() };
  const complete = { pass: credit.pass, startedAt, ...ended, process, tally };
  const { failed: _, ...rest } = record;
  await records.saveType(place, { ...rest, complete }, { signal });
  tell({ type: "complete", scope: place.scope, of: place.type, tally });
}
