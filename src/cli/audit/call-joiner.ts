import { type CallEntry, callEntry, type Entry, factsOf } from "./entries.ts";
import { fieldsIn, listIn, textIn, timeIn } from "./fields.ts";
import type { JournalLine } from "./journal-reader.ts";

/**
 * Joins intents and outcomes while a journal is read. Memory grows with the calls that have no
 * outcome alone.
 */
export class CallJoiner {
  readonly #open = new Map<string, CallEntry>();
  readonly #everyLine: boolean;
  #begun = false;

  /** @param everyLine - Whether an intent is told by itself, too, for those who show lines and not calls. */
  constructor(everyLine = false) {
    this.#everyLine = everyLine;
  }

  /** Calls that still have no outcome, oldest first. */
  get open(): Iterable<CallEntry> {
    return this.#open.values();
  }

  /** @returns What the line completes; nothing for an intent, whose outcome is yet to come, or a segment's own lines. */
  see(line: JournalLine): Entry | undefined {
    const { record } = line;
    const first = !this.#begun;
    this.#begun ||= record.type !== "header";
    switch (record.type) {
      case "intent": {
        const entry = callEntry(line, factsOf(record));
        this.#open.set(entry.call, entry);
        return this.#everyLine ? entry : undefined;
      }
      case "open":
        if (first) this.#carry(line);
        return undefined;
      case "outcome": {
        const call = textIn(record.call) ?? "";
        const intent = this.#open.get(call);
        this.#open.delete(call);
        return { ...callEntry(line, intent?.facts), asked: intent?.line };
      }
      case "read":
      case "refusal":
        return callEntry(line, factsOf(record));
      case "notice":
        return {
          kind: "notice",
          line,
          at: timeIn(record.at),
          event: textIn(record.event) ?? "",
          details: fieldsIn(record.details),
        };
      default:
        return undefined;
    }
  }

  /** What was open when the oldest segment began: the intents themselves stand in segments that are gone. */
  #carry(line: JournalLine): void {
    for (const intent of listIn(line.record.intents)) {
      const facts = factsOf(intent);
      this.#open.set(facts.call, callEntry({ ...line, record: { ...intent, type: "intent" } }, facts));
    }
  }
}
