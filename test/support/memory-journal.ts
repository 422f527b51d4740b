import { createHmac } from "node:crypto";
import type { AuditRecord, Journal, JournalSource, OpenIntent } from "provider-guard";

/** A journal that keeps its records in memory, and can be told to fail like a full disk. */
export interface MemoryJournal extends JournalSource {
  readonly records: AuditRecord[];
  /** What `append` rejects with while it is set. */
  failure: Error | undefined;
  /** Intents that the next guard finds open. */
  unfinished: OpenIntent[];
  closed: boolean;
}

export function memoryJournal(): MemoryJournal {
  const source: MemoryJournal = {
    records: [],
    failure: undefined,
    unfinished: [],
    closed: false,
    async open() {
      let dropped = 0;
      const journal: Journal = {
        async append(record) {
          if (source.failure !== undefined) throw source.failure;
          source.records.push(structuredClone(record));
        },
        enqueue(record) {
          if (source.failure === undefined) source.records.push(structuredClone(record));
          else dropped++;
        },
        unfinished: [...source.unfinished],
        correlate: (text) => createHmac("sha256", "test").update(text).digest("base64url"),
        get dropped() {
          return dropped;
        },
        async flush() {},
        async close() {
          source.closed = true;
        },
      };
      return journal;
    },
  };
  return source;
}

/** The open intents that a restarted process would find in these records. */
export function openIn(records: readonly AuditRecord[]): OpenIntent[] {
  const open = new Map<string, OpenIntent>();
  for (const record of records) {
    if (record.type === "intent") {
      const { call, at, operation, owner, token, fingerprint, target } = record;
      open.set(call, {
        call,
        at,
        operation,
        owner,
        service: target.service,
        ...(token === undefined ? {} : { token }),
        ...(fingerprint === undefined ? {} : { fingerprint }),
      });
    } else if (record.type === "outcome" && record.result !== "unknown") open.delete(record.call);
  }
  return [...open.values()];
}
