import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import type { Journal } from "../core/journal.ts";
import { saying } from "../core/shared-ledger.ts";
import type { GarbageCollector } from "./collector-interface.ts";
import type { Insides } from "./insides.ts";
import type { GarbageInventory } from "./inventory.ts";
import type { OwnerSource } from "./owners.ts";
import { places, type TrippedBreaker } from "./plan.ts";

const said = { by: saying.by, reason: saying.reason };
const ackSchema = z.strictObject({
  ...said,
  scope: z.string().optional(),
  type: z.string().optional(),
  owners: z.boolean().default(false),
});
const unmarkSchema = z.strictObject(said);

interface PeopleParts {
  readonly inventories: readonly GarbageInventory[];
  readonly sources: readonly OwnerSource[];
  readonly insides: Insides;
  readonly journal: Journal | undefined;
  ended(signal: AbortSignal | undefined): AbortSignal;
}

/** What only people decide; the audit log has who and why. */
export function people({
  inventories,
  sources,
  insides,
  journal,
  ended,
}: PeopleParts): Pick<GarbageCollector, "acknowledge" | "unmark"> {
  const { records, clock, tell } = insides;
  const note = (event: string, details: Record<string, string | number>, signal: AbortSignal) =>
    journal?.append({ type: "notice", at: clock.now(), event, details }, signal);

  return {
    async acknowledge(given, options = {}) {
      const { by, reason, scope, type, owners } = parseOptions(ackSchema, given, "acknowledge");
      const signal = ended(options.signal);
      const found: TrippedBreaker[] = [];
      for (const { place } of places(inventories)) {
        if ((scope ?? place.scope) !== place.scope || (type ?? place.type) !== place.type) continue;
        const { latched } = await records.breaker(place, { signal });
        if (latched === undefined) continue;
        await note("garbage-acknowledged", { ...place, by, reason, wanted: latched.wanted }, signal);
        const allowed = { count: latched.wanted, by, at: clock.now() };
        await records.changeBreaker(place, ({ latched: _, ...record }) => ({ ...record, allowed }), { signal });
        found.push({ ...place, reason: latched.reason, wanted: latched.wanted });
      }
      if (owners) {
        await note("garbage-owners-acknowledged", { by, reason }, signal);
        for (const source of sources) await source.acknowledge?.({ signal });
      }
      return found;
    },
    async unmark(id, given, options = {}) {
      const { by, reason } = parseOptions(unmarkSchema, given, "unmark");
      const signal = ended(options.signal);
      let found = false;
      for (const { place } of places(inventories)) {
        if ((await records.mark(place, id, { signal })) === undefined) continue;
        await note("garbage-unmarked", { ...place, id, by, reason }, signal);
        found = (await records.removeMark(place, id, { signal })) || found;
        tell({ type: "unmarked", scope: place.scope, of: place.type, id, reason });
      }
      return found;
    },
  };
}
