import type { AuditRecord } from "../core/journal.ts";
import type { Entry, Rank } from "./backlog.ts";
import type { CarriedRecord, EndRecord, HeaderRecord } from "./line.ts";
import { ranks, serialize } from "./serialize.ts";

// All entries have the same fields in the same order: they are made and read for every call.
const entry = (
  text: string,
  type: string,
  rank: Rank,
  call?: string,
  at?: number,
  token?: string | null,
  result?: string,
): Entry => ({ text, type, rank, call, at, token, result, waiter: undefined });

/**
 * Takes a record as it is now, so that whatever happens to it later does not matter.
 * @throws What keeps it from being recorded, as an `Error`.
 */
export function entryOf(record: AuditRecord): Entry {
  const text = serialize(record);
  const { type } = record;
  const rank = ranks[type];
  if (type === "intent") return entry(text, type, rank, record.call, record.at, record.token ?? null);
  if (type === "outcome") return entry(text, type, rank, record.call, record.at, undefined, record.result);
  return entry(text, type, rank);
}

/** A line by which segments hang together. */
export const frameEntry = (record: HeaderRecord | CarriedRecord | EndRecord): Entry =>
  entry(JSON.stringify(record), record.type, 2);

/** Is never written: whoever waits for it waits for all before it. */
export const markEntry = (): Entry => entry("", "mark", 2);
