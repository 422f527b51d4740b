import type { GarbageScan } from "./collector-interface.ts";
import type { GarbageInventory } from "./inventory.ts";
import { type OwnerSource, readOwners } from "./owners.ts";
import { codeOf, type Listing, listType, type PassParts, settle } from "./pass.ts";
import { places } from "./plan.ts";
import type { Place } from "./records.ts";

/** What of a pass's parts is there before the owners were read. */
export type ScanParts = Omit<PassParts, "owners">;

/**
 * One pass over every type. Owners are read before the first list, and once more after the last: what is
 * not in one of them is not believed to be gone. A type that fails stops no other.
 */
export async function scanAll(
  inventories: readonly GarbageInventory[],
  sources: readonly OwnerSource[],
  parts: ScanParts,
): Promise<GarbageScan> {
  const { signal, records, clock, tell, dryRun, check } = parts;
  const complete: GarbageScan["complete"][number][] = [];
  const incomplete: GarbageScan["incomplete"][number][] = [];
  const listed: Listing[] = [];

  async function failed(place: Place, error: unknown): Promise<void> {
    signal.throwIfAborted();
    await check(); // who has lost the lock writes nothing more
    const code = codeOf(error);
    incomplete.push({ ...place, code, error });
    tell({ type: "incomplete", scope: place.scope, of: place.type, error });
    if (dryRun) return;
    // Kept beside whatever checkpoint the pass has reached.
    const record = await records.type(place, { signal });
    await records.saveType(place, { ...record, failed: { at: clock.now(), code } }, { signal });
  }

  const before = await readOwners(sources, signal);
  for (const { inventory, place } of places(inventories)) {
    try {
      listed.push(await listType(inventory, place, { ...parts, owners: before }));
    } catch (error) {
      await failed(place, error);
    }
  }
  if (listed.length === 0) return { complete, incomplete };
  const owners = await readOwners(sources, signal);
  for (const listing of listed) {
    const { place, tally } = listing;
    try {
      if (!dryRun) await settle(listing, { ...parts, owners });
      complete.push({ ...place, tally });
    } catch (error) {
      await failed(place, error);
    }
  }
  return { complete, incomplete };
}
