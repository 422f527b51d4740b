import type { AuditRecord } from "../core/journal.ts";
import type { Entry, Waiter } from "./backlog.ts";
import { ranks, serialize } from "./serialize.ts";
import type { StoredLine } from "./stored-line.ts";

/**
 * Takes a record as it is now, so that whatever happens to it later does not matter.
 * @throws What keeps it from being recorded, as an `Error`.
 */
export function entryOf(record: AuditRecord, waiter?: Waiter): Entry {
  const body = serialize(record);
  return { body, rank: ranks[record.type], line: lineOf(record, body), waiter };
}

function lineOf(record: AuditRecord, text: string): StoredLine | undefined {
  if (record.type === "intent") return { text, type: "intent", call: record.call, at: record.at };
  if (record.type === "outcome") return { text, type: "outcome", call: record.call, result: record.result };
  return undefined;
}
