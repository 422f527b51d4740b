import * as z from "zod";
import type { Book, BookDocument } from "./book.ts";
import type { Settlement } from "./bookings.ts";
import { claimsSchema } from "./claim.ts";
import type { InventoryBudget } from "./options.ts";

/** What a call has changed, kept for a while: a count that began before it does not know of it. */
interface Change {
  /** A create's end, a delete's beginning: when it has surely not been and surely been counted. */
  readonly at: number;
  /** Below 0 for a delete. */
  readonly units: number;
  /** The delete's call. */
  readonly id?: string | undefined;
  /** What the delete named: to delete it once more gives nothing back. */
  readonly resources?: readonly string[] | undefined;
  /** Nobody knows yet, and perhaps never will, whether the delete has happened. */
  readonly unclear?: true | undefined;
}

/** Between which instants somebody counted. */
export interface CountPeriod {
  readonly beganAt: number;
  readonly endedAt: number;
}

/** How much there is. */
export interface InventoryDocument extends BookDocument {
  readonly count: number;
  readonly counted?: CountPeriod | undefined;
  readonly changes: readonly Change[];
  /** Changes before this are no longer listed. */
  readonly changesSince: number;
}

const schema = z.object({
  v: z.literal(1),
  writes: z.number(),
  at: z.number(),
  claims: claimsSchema,
  count: z.number(),
  counted: z.object({ beganAt: z.number(), endedAt: z.number() }).optional(),
  changes: z
    .array(
      z.object({
        at: z.number(),
        units: z.number(),
        id: z.string().optional(),
        resources: z.array(z.string()).readonly().optional(),
        unclear: z.literal(true).optional(),
      }),
    )
    .readonly(),
  changesSince: z.number(),
});

const rememberChangesMs = 3_600_000;
const maxChanges = 1000;

/**
 * How much there is, by what creates and deletes say and by counts. In doubt there is more rather than less.
 */
export function inventoryBook(budget: InventoryBudget): Book<InventoryDocument> {
  const { limit, afterCrash = "release", startsAt = "zero" } = budget;
  return {
    limit,
    afterCrash,
    toleranceMs: 60_000,
    rememberMs: 86_400_000, // as long as clouds remember an idempotency token: until then a create may be resumed
    blank: { writes: 0, at: 0, claims: [], count: 0, changes: [], changesSince: 0 },
    parse: (text) => schema.parse(JSON.parse(text)),
    spend: (doc, units, at) => ({ ...doc, count: doc.count + units, changes: [...doc.changes, { at, units }] }),
    join: (kept, known) => ({ ...known, count: Math.max(kept.count, known.count) }),
    prune(doc) {
      const { at } = doc;
      const changes = doc.changes.map((change) => (change.at <= at ? change : { ...change, at })); // a clock was ahead
      const tooMany = changes.length - maxChanges;
      const isOld = (change: Change, index: number) => index < tooMany || change.at + rememberChangesMs <= at;
      const changesSince = changes.filter(isOld).reduce((latest, old) => Math.max(latest, old.at), doc.changesSince);
      return { ...doc, changes: changes.filter((change, index) => !isOld(change, index)), changesSince };
    },
    spent: (doc) => doc.count,
    departures: () => [],
    needsCount: startsAt === "counted",
    countedAt: (doc) => doc.counted?.beganAt,
    ttlMs: (doc) =>
      doc.count === 0 && doc.claims.length === 0 && doc.counted === undefined ? 2 * rememberChangesMs : undefined,
  };
}

/** A delete call. */
export interface Removal {
  readonly id: string;
  readonly units: number;
  /** What it names, where that is known. */
  readonly resources: readonly string[];
  /** When it began. */
  readonly at: number;
}

/** A delete begins: whatever becomes of it, what it names may be gone from now on. */
export function beginRemoval(doc: InventoryDocument, { id, resources, at }: Removal): InventoryDocument {
  if (resources.length === 0 || doc.changes.some((change) => change.id === id)) return doc;
  return { ...doc, changes: [...doc.changes, { id, at, units: 0, resources, unclear: true }] };
}

/**
 * A delete has ended. It gives units back unless a count may have missed the resource already, since
 * this delete, or an earlier one whose end nobody knows, began before that count ended; and unless the
 * resource was deleted before. A second time changes nothing.
 */
export function endRemoval(doc: InventoryDocument, call: Removal, end: Settlement): InventoryDocument {
  const mine = doc.changes.find(({ id }) => id === call.id);
  if (mine !== undefined && mine.unclear === undefined) return doc;
  if (end === "open") return beginRemoval(doc, call);
  const changes = doc.changes.filter((change) => change !== mine);
  if (end === "free") return mine === undefined ? doc : { ...doc, changes };
  const about = ({ resources = [] }: Change) => resources.some((resource) => call.resources.includes(resource));
  const before = changes.filter(about);
  const gone = new Set(before.flatMap(({ unclear, resources = [] }) => (unclear ? [] : resources)));
  const resources = call.resources.filter((resource) => !gone.has(resource));
  const share = call.resources.length === 0 ? 1 : resources.length / call.resources.length;
  const at = before.reduce((first, change) => (change.unclear ? Math.min(first, change.at) : first), call.at);
  const units = doc.counted !== undefined && at < doc.counted.endedAt ? 0 : call.units * share;
  const change: Change = { id: call.id, at, units: -units, resources };
  return { ...doc, count: Math.max(0, doc.count - units), changes: [...changes, change] };
}

/**
 * Takes over a count, and adds what has changed since it began. A count that began before the one in
 * force changes nothing.
 * @returns `undefined` where it began so long ago that what changed since is not known.
 */
export function recount(doc: InventoryDocument, count: number, period: CountPeriod): InventoryDocument | undefined {
  const { beganAt, endedAt } = period;
  if (doc.counted !== undefined && beganAt < doc.counted.beganAt) return doc;
  if (beganAt < doc.changesSince) return undefined;
  const missed = doc.changes.filter(({ at, units }) => at >= (units > 0 ? beganAt : endedAt));
  return {
    ...doc,
    count: Math.max(
      0,
      missed.reduce((sum, { units }) => sum + units, count),
    ),
    counted: period,
    claims: doc.claims.filter(({ state, at }) => state === "held" || at >= beganAt), // the count tells of the others
  };
}
