import type { OpenIntent } from "../core/journal.ts";
import type { Entry } from "./backlog.ts";
import { frameEntry } from "./entry.ts";
import type { HeaderRecord } from "./line.ts";

/** Most intents in one record: bounds the length of a line. */
const intentsPerRecord = 128;

/** What a new segment begins with: its header, and the intents that are open. */
export function segmentOpening(header: HeaderRecord, intents: readonly OpenIntent[]): readonly Entry[] {
  const entries = [frameEntry(header)];
  for (let from = 0; from < intents.length; from += intentsPerRecord) {
    entries.push(
      frameEntry({ type: "open", at: header.createdAt, intents: intents.slice(from, from + intentsPerRecord) }),
    );
  }
  return entries;
}
