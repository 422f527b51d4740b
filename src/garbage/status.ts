import type { GarbageTypeStatus } from "./collector-interface.ts";
import type { GarbageInventory } from "./inventory.ts";
import { places } from "./plan.ts";
import type { Records } from "./records.ts";

/** Reads what is known of every type. */
export async function statusOf(
  inventories: readonly GarbageInventory[],
  records: Records,
  signal: AbortSignal,
): Promise<GarbageTypeStatus[]> {
  const all: GarbageTypeStatus[] = [];
  for (const { place } of places(inventories)) {
    const [record, breaker] = [await records.type(place, { signal }), await records.breaker(place, { signal })];
    let marked = 0;
    let stuck = 0;
    let oldestAt = Number.POSITIVE_INFINITY;
    for await (const [, mark] of records.marks(place, { signal })) {
      marked++;
      if (mark.stuck !== undefined) stuck++;
      oldestAt = Math.min(oldestAt, mark.since);
    }
    all.push({ ...place, record, breaker, marked, stuck, ...(marked > 0 && { oldestAt }) });
  }
  return all;
}
