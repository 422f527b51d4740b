import type { Book, BookDocument, Usage } from "./book.ts";
import type { Claim } from "./claim.ts";
import { maxReservationMs } from "./options.ts";

/** What became of a wish to reserve. */
export interface Reserved extends Usage {
  readonly granted: boolean;
  /** Whether the limit has room for it. */
  readonly fits: boolean;
  readonly uncounted: boolean;
  /** Where it does not fit: milliseconds until used units that go by themselves make room. */
  readonly roomInMs: number | undefined;
}

/** How a call ended, as far as its units go. */
export type Settlement = "used" | "free" | "open";

const maxUnclear = 200; // so that a document stays small; older ones are counted without their ids
const rounding = 1e-9; // weights may be fractions

/** Rolls the document forward to now: reservations end, and what is old is forgotten. */
export function advance<D extends BookDocument>(book: Book<D>, doc: D, now: number): D {
  // Time does not run back for a bucket, except where a clock was so wrong that waiting for it helps nobody.
  const at = Math.max(now, Math.min(doc.at, now + book.toleranceMs));
  const claims = doc.claims.map((claim): Claim => {
    if (claim.state !== "held") return claim.at <= at ? claim : { ...claim, at };
    if (claim.at > at) return { ...claim, at: Math.min(claim.at, at + maxReservationMs) };
    return { ...claim, state: book.afterCrash === "count" ? "open" : "lapsed" };
  });
  let surplus = claims.filter(({ state }) => state !== "held").length - maxUnclear;
  let result: D = { ...doc, at };
  const kept: Claim[] = [];
  for (const claim of claims) {
    if (claim.state === "held" || (surplus-- <= 0 && claim.at + book.rememberMs > at)) kept.push(claim);
    else if (claim.state === "open") result = book.spend(result, claim.units, claim.at);
  }
  return book.prune({ ...result, claims: kept });
}

/**
 * What the store keeps, and where that is less than this process has seen of it already (flushed,
 * restored, failed over), what it has seen.
 */
export function rejoin<D extends BookDocument>(book: Book<D>, kept: D, known: D | undefined): D {
  if (known === undefined || kept.writes >= known.writes) return kept;
  const ids = new Set(kept.claims.map(({ id }) => id));
  const claims = [...known.claims.filter(({ id }) => !ids.has(id)), ...kept.claims];
  return { ...book.join(kept, known), claims, at: Math.max(kept.at, known.at), writes: known.writes };
}

const total = (claims: readonly Claim[], state: Claim["state"]) =>
  claims.reduce((sum, claim) => (claim.state === state ? sum + claim.units : sum), 0);

/** Reads the numbers. */
export function usage<D extends BookDocument>(book: Book<D>, doc: D): Usage {
  return { used: book.spent(doc) + total(doc.claims, "open"), reserved: total(doc.claims, "held") };
}

/** How long until so many units have stopped counting by themselves; `undefined` where that takes others' calls. */
function roomInMsFor<D extends BookDocument>(book: Book<D>, doc: D, units: number): number | undefined {
  let missing = units - rounding;
  for (const [at, leaving] of book.departures(doc)) {
    missing -= leaving;
    if (missing <= 0) return at - doc.at;
  }
  return undefined;
}

/**
 * Reserves units for a call. One that the document knows from before, as in flight or unclear, takes
 * its units up again, so that nothing is counted twice.
 *
 * @param lenient - Reserves them even where they do not fit.
 */
export function reserve<D extends BookDocument>(
  book: Book<D>,
  doc: D,
  call: { readonly id: string; readonly units: number; readonly lenient: boolean },
  reservationMs: number,
): readonly [D, Reserved] {
  const now = usage(book, doc);
  const known = doc.claims.find(({ id, state }) => id === call.id && state !== "lapsed")?.units ?? 0;
  const missing = now.used + now.reserved + Math.max(0, call.units - known) - book.limit;
  const uncounted = book.needsCount && book.countedAt(doc) === undefined;
  const fits = call.units <= known || (missing <= rounding && !uncounted);
  const granted = fits || call.lenient;
  const roomInMs = fits ? undefined : roomInMsFor(book, doc, missing);
  const claim: Claim = { id: call.id, units: Math.max(call.units, known), state: "held", at: doc.at + reservationMs };
  const after = granted ? { ...doc, claims: [...without(doc.claims, call.id), claim] } : doc;
  return [after, { ...now, granted, fits, uncounted, roomInMs }];
}

const without = (claims: readonly Claim[], id: string) => claims.filter((claim) => claim.id !== id);

/** Prolongs the reservations of calls that are still in flight; one that had ended is held again. */
export function renew<D extends BookDocument>(doc: D, ids: ReadonlySet<string>, reservationMs: number): D {
  if (!doc.claims.some(({ id }) => ids.has(id))) return doc;
  const at = doc.at + reservationMs;
  return { ...doc, claims: doc.claims.map((claim) => (ids.has(claim.id) ? { ...claim, state: "held", at } : claim)) };
}

/**
 * Settles a call. What the document has forgotten, or never learned because the store was down, still
 * counts.
 *
 * @param repeated - The write of this settlement may have happened already: then it changes nothing.
 */
export function settle<D extends BookDocument>(
  book: Book<D>,
  doc: D,
  call: { readonly id: string; readonly units: number; readonly end: Settlement },
  repeated: boolean,
): D {
  const { id, end } = call;
  const known = doc.claims.find((claim) => claim.id === id);
  if (known === undefined && (repeated || end === "free")) return doc;
  const units = known?.units ?? call.units;
  const freed: D = { ...doc, claims: without(doc.claims, id) };
  if (end === "open") return { ...freed, claims: [...freed.claims, { id, units, state: "open", at: doc.at }] };
  return end === "used" ? book.spend(freed, units, doc.at) : freed;
}
