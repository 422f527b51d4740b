import type { Claim } from "./claim.ts";

/** What the state store keeps of one bucket. All times are Unix milliseconds. */
export interface BookDocument {
  /** How often it was written: a store that shows less than it once did has lost something. */
  readonly writes: number;
  /** The latest time that any replica has seen. */
  readonly at: number;
  /** In the order in which they were made. */
  readonly claims: readonly Claim[];
}

/**
 * The arithmetic of one kind of budget, without effects. Documents that are passed in are those of the
 * present; see `advance`, which with the rest that all kinds share is in `bookings.ts`.
 */
export interface Book<D extends BookDocument> {
  readonly limit: number;
  readonly afterCrash: "count" | "release";
  /** How far this process's clock may lag behind the document's before it is believed. */
  readonly toleranceMs: number;
  /** How long a claim that is not clear is remembered by its id. */
  readonly rememberMs: number;
  /** What a bucket begins with. */
  readonly blank: D;
  /** @throws whatever is wrong with a text that is no document of this kind. */
  parse(text: string): D;
  /** Settles units as used, at a time. */
  spend(doc: D, units: number, at: number): D;
  /** Joins what the store still has with what is known of it from before, claims aside. In doubt, more is used. */
  join(kept: D, known: D): D;
  /** Drops what has no effect any more. */
  prune(doc: D): D;
  /** Units that were settled as used and still count. */
  spent(doc: D): number;
  /** Used units that stop counting by themselves, and when, in order. */
  departures(doc: D): readonly (readonly [at: number, units: number])[];
  /** Whether nothing may be reserved before somebody has counted. */
  readonly needsCount: boolean;
  /** When the count on which the numbers rest began, if there was one. */
  countedAt(doc: D): number | undefined;
  /** How long the store must keep the document, in milliseconds; `undefined`: for ever. */
  ttlMs(doc: D): number | undefined;
}

/** Numbers of one bucket. */
export interface Usage {
  /** Units used; calls that ended without a clear answer count. */
  readonly used: number;
  /** Units of calls in flight. */
  readonly reserved: number;
}
