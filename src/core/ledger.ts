import * as z from "zod";

/** Who ended something, and when. */
export interface Ending {
  /** Another one each time. */
  readonly id: string;
  readonly by: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly reason?: string | undefined;
}

/** Something that somebody set by hand; it stands until somebody ends it. */
export interface Entry extends Ending {
  readonly key: string;
  readonly reason: string;
  /** What was ended is remembered, so that nobody who missed it brings it back. */
  readonly ended?: Ending | undefined;
}

/** What was set by hand. */
export interface Ledger {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Names of its latest changes, newest last: whoever knows one of them knows an earlier state of this very ledger. */
  readonly changes: readonly string[];
  /** What else is kept in the same document. */
  readonly extra?: unknown;
}

const maxChanges = 100;
const maxEnded = 500;

const ending = { id: z.string(), by: z.string(), at: z.number(), reason: z.string().optional() };
const schema = z.object({
  version: z.literal(1),
  changes: z.array(z.string()),
  entries: z.array(z.object({ ...ending, key: z.string(), reason: z.string(), ended: z.object(ending).optional() })),
  extra: z.unknown().optional(),
});

/** A ledger in which nothing was ever set. */
export const emptyLedger: Ledger = { entries: new Map(), changes: [] };

/** Reads a ledger; `undefined` where it is not one that this version knows. */
export function parseLedger(text: string): Ledger | undefined {
  try {
    const { changes, entries, extra } = schema.parse(JSON.parse(text));
    return { changes, extra, entries: new Map(entries.map((entry) => [entry.key, entry])) };
  } catch {
    return undefined;
  }
}

/** The text of a ledger. Of what was ended, only the latest is kept. */
export function ledgerText({ entries, changes, extra }: Ledger): string {
  const all = [...entries.values()];
  const ended = all.filter((entry) => entry.ended !== undefined);
  const old = new Set(ended.sort((a, b) => endedAt(b) - endedAt(a)).slice(maxEnded));
  return JSON.stringify({
    version: 1,
    changes: changes.slice(-maxChanges),
    entries: all.filter((entry) => !old.has(entry)),
    extra,
  });
}

const endedAt = (entry: Entry) => entry.ended?.at ?? 0;

/** Whether a ledger has an entry: as it is, or ended since by somebody who knew of it. */
export function knows({ entries }: Ledger, { key, id, ended }: Entry): boolean {
  const found = entries.get(key);
  return found?.id === id && (ended === undefined || found.ended !== undefined);
}

/**
 * Entries that a store has lost: it was flushed, went back to an earlier state, or was written anew
 * by somebody who knew nothing. Where two contradict each other, the one that stands counts.
 */
export function lost(before: Ledger, after: Ledger): Entry[] {
  const latest = before.changes.at(-1);
  if (latest === undefined || after.changes.includes(latest)) return [];
  return [...before.entries.values()].filter((entry) => {
    const found = after.entries.get(entry.key);
    if (found === undefined) return true;
    return entry.ended === undefined
      ? found.ended !== undefined && found.id !== entry.id
      : found.ended === undefined && found.id === entry.id;
  });
}
