import * as z from "zod";
import type { Book, BookDocument } from "./book.ts";
import { claimsSchema } from "./claim.ts";
import { maxReservationMs, type WindowBudget } from "./options.ts";

type Slice = readonly [endsAt: number, units: number];

/** What was used, slice by slice of the window. */
export interface WindowDocument extends BookDocument {
  readonly slices: readonly Slice[];
}

const schema = z.object({
  v: z.literal(1),
  writes: z.number(),
  at: z.number(),
  claims: claimsSchema,
  slices: z.array(z.tuple([z.number(), z.number()])).readonly(),
});

const slicesPerWindow = 60;

/**
 * A sliding window. Units are reserved before a call and count from its end, at the end of their
 * slice: the request was somewhere in between, so that no window of this length, wherever it begins,
 * holds more than the limit. Rounding to slices costs a sixtieth of the rate.
 */
export function windowBook({ windowMs, limit, afterCrash = "release" }: WindowBudget): Book<WindowDocument> {
  const sliceMs = Math.max(1, Math.ceil(windowMs / slicesPerWindow));
  const toleranceMs = Math.min(60_000, windowMs);
  const sliceEnd = (at: number) => (Math.floor(at / sliceMs) + 1) * sliceMs;

  function add(slices: readonly Slice[], endsAt: number, units: number): readonly Slice[] {
    const before = slices.find((slice) => slice[0] === endsAt)?.[1] ?? 0;
    return [...slices.filter((slice) => slice[0] !== endsAt), [endsAt, before + units]];
  }

  return {
    limit,
    afterCrash,
    toleranceMs,
    rememberMs: windowMs,
    blank: { writes: 0, at: 0, claims: [], slices: [] },
    parse: (text) => schema.parse(JSON.parse(text)),
    spend: (doc, units, at) => ({ ...doc, slices: add(doc.slices, sliceEnd(at), units) }),
    join(kept, known) {
      const most = new Map(kept.slices);
      for (const [endsAt, units] of known.slices) most.set(endsAt, Math.max(units, most.get(endsAt) ?? 0));
      return { ...kept, slices: [...most] };
    },
    prune(doc) {
      const latest = sliceEnd(doc.at);
      const counting = doc.slices.filter(([endsAt]) => endsAt + windowMs > doc.at);
      const right = counting.filter(([endsAt]) => endsAt <= latest);
      const ahead = counting.filter(([endsAt]) => endsAt > latest); // written by a clock that was ahead
      return {
        ...doc,
        slices: ahead.reduce<readonly Slice[]>((slices, [, units]) => add(slices, latest, units), right),
      };
    },
    spent: (doc) => doc.slices.reduce((sum, [, units]) => sum + units, 0),
    departures(doc) {
      const open = doc.claims.filter(({ state }) => state === "open");
      const unclear = open.map(({ at, units }) => [sliceEnd(at) + windowMs, units] as const);
      const clear = doc.slices.map(([endsAt, units]) => [endsAt + windowMs, units] as const);
      return [...clear, ...unclear].sort(([one], [other]) => one - other);
    },
    needsCount: false,
    countedAt: () => undefined,
    ttlMs: () => windowMs + 2 * sliceMs + maxReservationMs + 2 * toleranceMs,
  };
}
