import * as z from "zod";
import { newId } from "./id.ts";
import { type Ending, type Entry, emptyLedger, knows, ledgerText, lost, parseLedger } from "./ledger.ts";
import { type DocumentPlace, sharedDocument } from "./shared-document.ts";

/** An entry was set or ended, here or by another replica. */
export interface LedgerChange {
  readonly entry: Entry;
  /** What was known of its key before. */
  readonly before: Entry | undefined;
  /** Whether it was done through this ledger, and not learned from the store. */
  readonly here: boolean;
}

/** Something of less weight that is kept in the same document. */
export interface LedgerExtra {
  /** What the store holds. Must not throw, whatever it is. */
  seen(extra: unknown): void;
  /** What it should hold; `undefined` where that may stay as it is. */
  owed(extra: unknown): unknown;
}

/** Options of {@link sharedLedger}. */
export interface SharedLedgerOptions extends DocumentPlace {
  /** Is told of each change. Must not throw. */
  changed?(change: LedgerChange): void;
  /** What stands while the store holds something that nobody can read. @defaultValue only what was known before */
  readonly unreadable?: Entry;
  readonly extra?: LedgerExtra;
}

/** What people have to say of what they do by hand. */
export const saying = {
  reason: z.string().trim().min(1, "say why, for the people who will find it").max(2_000),
  by: z.string().trim().min(1, "say who").max(256),
  signal: z.instanceof(AbortSignal).optional(),
};

/** What is said when something is set. */
export type Setting = Pick<Entry, "key" | "by" | "reason">;

/** What people set and end by hand, in force for every replica within a second. */
export interface SharedLedger {
  /** What stands, by key. */
  readonly standing: ReadonlyMap<string, Entry>;
  /** Whether the store is known to hold this entry, so that others learn of it. */
  kept(entry: Entry): boolean;
  /** Milliseconds since the store was last read. */
  readonly staleMs: number;
  /** @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: the store could not be read. */
  refresh(signal?: AbortSignal): Promise<void>;
  /**
   * Sets something: here at once, for others once it is kept.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: it could not be kept; that is tried until it is, or was ended.
   */
  set(setting: Setting, signal?: AbortSignal): Promise<void>;
  /**
   * Ends something for everybody.
   * @param options.always=false - Records the end of what does not stand, too.
   * @returns Whether it was this that ended it.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: it goes on.
   */
  end(key: string, by: string, options?: EndOptions): Promise<boolean>;
  /** Learns of nothing more. */
  close(): void;
}

/** Options of {@link SharedLedger.end}. */
export interface EndOptions {
  readonly reason?: string | undefined;
  readonly always?: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface EndCommand {
  readonly ending: Ending;
  readonly always: boolean;
}

/**
 * Keeps a ledger in a state store. What is known here outlives a store that loses it: an entry that
 * vanished there was not ended, and is put back.
 */
export function sharedLedger(options: SharedLedgerOptions): SharedLedger {
  const { clock, random, changed, unreadable, extra } = options;
  let stored = emptyLedger;
  let readable = true;
  let loaded = false;
  let view: ReadonlyMap<string, Entry> = new Map();
  let standing: ReadonlyMap<string, Entry> = new Map();
  const owed = new Map<string, Entry>(); // what the store should hold and does not
  const ends = new Map<string, EndCommand>();

  function look(): Map<string, Entry> {
    const found = new Map([...stored.entries, ...owed]);
    if (readable || unreadable === undefined) return found;
    const mine = found.get(unreadable.key);
    return mine === undefined || mine.ended !== undefined ? found.set(unreadable.key, unreadable) : found;
  }

  /** Finds out what counts now, and tells what has changed. */
  function review(): void {
    const earlier = view;
    view = look();
    standing = new Map([...view].filter(([, { ended }]) => ended === undefined));
    for (const [key, entry] of view) {
      const before = earlier.get(key);
      if (before?.id === entry.id && !before.ended === !entry.ended) continue;
      if (entry.ended === undefined) changed?.({ entry, before, here: owed.has(key) });
      else if (loaded) changed?.({ entry, before, here: entry.ended.id === ends.get(key)?.ending.id });
    }
    for (const [key, before] of earlier) {
      if (view.has(key) || before.ended !== undefined) continue;
      changed?.({ entry: { ...before, ended: { id: "", by: "unknown", at: clock.now() } }, before, here: false });
    }
  }

  function seen(text: string | undefined): void {
    const next = text === undefined ? emptyLedger : parseLedger(text);
    readable = next !== undefined;
    if (next !== undefined) {
      for (const entry of lost(stored, next)) if (!owed.has(entry.key)) owed.set(entry.key, entry);
      stored = next;
      for (const [key, entry] of owed) if (knows(stored, entry)) owed.delete(key);
      extra?.seen(next.extra);
    }
    review();
    loaded = true;
  }

  function ended(key: string, { ending, always }: EndCommand): Entry[] {
    const entry = view.get(key);
    if (entry !== undefined && entry.ended === undefined) return [{ ...entry, ended: ending }];
    if (!always || entry?.ended?.id === ending.id) return [];
    return [{ ...ending, reason: ending.reason ?? "", key, ended: ending }];
  }

  function owing(): string | undefined {
    const over = [...ends].flatMap(([key, command]) => ended(key, command));
    const more = readable ? extra?.owed(stored.extra) : undefined;
    const altered = owed.size > 0 || over.length > 0;
    if (!altered && more === undefined) return undefined;
    const entries = new Map([...view, ...over.map((entry) => [entry.key, entry] as const)]);
    const changes = altered ? [...stored.changes, newId(clock, random)] : stored.changes;
    return ledgerText({ entries, changes, extra: more ?? stored.extra });
  }

  const document = sharedDocument(options, { seen, owed: owing });

  return {
    get standing() {
      return standing;
    },
    kept: (entry) => readable && !owed.has(entry.key),
    get staleMs() {
      return document.staleMs;
    },
    refresh: (signal) => document.sync(signal),
    set(setting, signal) {
      const { key } = setting;
      owed.set(key, { ...setting, id: newId(clock, random), at: clock.now() });
      ends.delete(key); // whoever sets it again does not want it ended
      review();
      return document.sync(signal);
    },
    async end(key, by, { reason, always = false, signal } = {}) {
      const ending: Ending = { id: newId(clock, random), by, at: clock.now(), reason };
      const command = { ending, always };
      ends.set(key, command);
      try {
        await document.sync(signal);
      } finally {
        if (ends.get(key) === command) ends.delete(key);
      }
      return stored.entries.get(key)?.ended?.id === ending.id;
    },
    close: document.close,
  };
}
