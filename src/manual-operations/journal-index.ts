import type { LinePlace } from "../audit/checkpoint/leaf-reader.ts";
import type { IntentRecord, OutcomeRecord, ReadRecord } from "../core/journal.ts";
import { begunCall, type IndexedCall, readCall } from "./journal-call.ts";
import { readTail, type TailLine } from "./journal-tail.ts";
import { keptCalls } from "./kept-calls.ts";
import type { TrailSpan } from "./trail.ts";

/** What calls of some time can be found by. */
export interface IndexedSpan {
  /** Since when, in Unix milliseconds, every call is in the index: older segments may have been removed. */
  readonly completeFrom: number;
  /** Until when, in Unix milliseconds, every call is in the index. */
  readonly completeTo: number;
  /** Why no later than that; constant text. */
  readonly problem?: string | undefined;
}

/** Where each journal is read on from, by its directory. */
export type JournalPlaces = Readonly<Record<string, LinePlace>>;

/** The calls of journals, as far as they are needed: each line is read once. */
export interface JournalIndex {
  readonly calls: ReturnType<typeof keptCalls>;
  /**
   * Reads on, and forgets calls that ended before the span. No later span may begin before it.
   * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a journal cannot be read.
   */
  read(span: TrailSpan, signal: AbortSignal | undefined): Promise<IndexedSpan>;
  /** Where somebody must begin who has read nothing, to know of all calls that are kept. */
  places(): JournalPlaces;
  /** Lines read so far. */
  readonly linesRead: number;
}

/** Options of {@link journalIndex}. */
export interface IndexOptions {
  readonly directories: readonly string[];
  /** How long a call without an outcome may have been on its way, in milliseconds. */
  readonly openMs: number;
  readonly reads: boolean;
  readonly maxCalls: number;
  /** Whether calls after the span are left for later. @defaultValue they are kept, so that no line is read twice */
  readonly bounded?: boolean;
  /** What `places` of an earlier index said. @defaultValue the journals' beginnings */
  readonly places?: JournalPlaces | undefined;
}

const bookmarkLines = 1000;
const maxBookmarks = 128;

/** What is known of one journal. */
interface Followed {
  readonly directory: string;
  readonly number: number;
  place: LinePlace | undefined;
  /** Places that were passed, oldest first: one of them lies before all calls that are kept. */
  bookmarks: LinePlace[];
  completeFrom: number;
  /** The latest time of a call in it. */
  latest: number;
}

/** Makes an index of journals, with nothing in it yet. */
export function journalIndex(options: IndexOptions): JournalIndex {
  const { directories, openMs, reads, bounded = false, places = {} } = options;
  const calls = keptCalls(openMs);
  const mostEach = Math.max(1, Math.floor(options.maxCalls / directories.length));
  const journals = directories.map((directory, number): Followed => {
    const place = Object.hasOwn(places, directory) ? places[directory] : undefined;
    const bookmarks = place === undefined ? [] : [place];
    return { ...{ directory, number, place, bookmarks }, completeFrom: -Infinity, latest: -Infinity };
  });
  let linesRead = 0;

  function bookmark(journal: Followed, place: LinePlace): void {
    const last = journal.bookmarks.at(-1);
    if (last !== undefined && place.seq < last.seq + bookmarkLines) return;
    journal.bookmarks.push(place);
    if (journal.bookmarks.length > maxBookmarks) journal.bookmarks = journal.bookmarks.filter((_, n) => n % 2 === 0);
  }

  /** Reads one journal on; what it holds back is read again the next time. */
  async function follow(journal: Followed, span: TrailSpan, signal?: AbortSignal): Promise<IndexedSpan> {
    const { number, directory } = journal;
    let heldAt: LinePlace | undefined;
    let completeTo = Number.POSITIVE_INFINITY;
    let begins = Number.POSITIVE_INFINITY;

    function keep(call: IndexedCall, before: LinePlace): void {
      if (calls.byCall.has(call.call)) return;
      const late = bounded && call.at > span.to;
      if (!late && calls.countOf(number) < mostEach) {
        calls.add(call);
        return;
      }
      heldAt ??= before;
      if (!late) completeTo = Math.min(completeTo, call.at - 1);
    }

    function visit(line: TailLine, before: LinePlace): void {
      linesRead++;
      if (heldAt === undefined) bookmark(journal, before);
      const { type, at, call: id = "" } = line;
      if (at !== undefined) {
        begins = Math.min(begins, at);
        if (id !== "") journal.latest = Math.max(journal.latest, at);
      }
      if (type === "intent") keep(begunCall(JSON.parse(line.text) as IntentRecord, number, before.seq + 1), before);
      else if (type === "outcome") {
        const call = calls.byCall.get(id);
        if (call !== undefined) calls.end(call, JSON.parse(line.text) as OutcomeRecord);
      } else if (type === "read" && reads) {
        const record = JSON.parse(line.text) as ReadRecord;
        if (record.at >= span.from) keep(readCall(record, number, before.seq + 1), before);
      } else if (type === "notice" && line.text.includes('"event":"opened"')) calls.abandon(number);
    }

    let read = await readTail(directory, journal.place, visit, signal);
    if (read.end === "lost") {
      journal.bookmarks = [];
      read = await readTail(directory, undefined, visit, signal);
    }
    if (read.first > 1) journal.completeFrom = begins;
    journal.place = heldAt ?? read.place;
    const { completeFrom, latest } = journal;
    if (read.end === "empty") return { completeFrom, completeTo: -Infinity, problem: "a directory holds no journal" };
    if (read.end === "tip") return { completeFrom, completeTo, problem: "more calls than maxCalls" };
    return {
      completeFrom,
      completeTo: Math.min(completeTo, latest),
      problem: "a journal does not verify: see verifyJournal",
    };
  }

  return {
    calls,
    async read(span, signal) {
      calls.forgetBefore(span.from);
      let whole: IndexedSpan = { completeFrom: -Infinity, completeTo: Infinity };
      for (const journal of journals) {
        const { completeFrom, completeTo, problem } = await follow(journal, span, signal);
        const earlier = completeTo < whole.completeTo;
        whole = {
          completeFrom: Math.max(whole.completeFrom, completeFrom),
          ...(earlier ? { completeTo, problem } : { completeTo: whole.completeTo, problem: whole.problem }),
        };
      }
      return whole;
    },
    places() {
      const oldest = new Map<number, number>();
      for (const { journal, seq } of calls.byCall.values()) {
        oldest.set(journal, Math.min(seq, oldest.get(journal) ?? seq));
      }
      const found: Record<string, LinePlace> = {};
      for (const journal of journals) {
        const { place, bookmarks, directory, number } = journal;
        if (place === undefined) continue;
        const needed = oldest.get(number) ?? place.seq + 1;
        const usable = [...bookmarks, place].filter(({ seq, offset }) => seq < needed && offset > 0);
        const at = usable.at(-1);
        if (at === undefined) continue;
        journal.bookmarks = bookmarks.filter(({ seq }) => seq >= at.seq);
        found[directory] = at;
      }
      return found;
    },
    get linesRead() {
      return linesRead;
    },
  };
}
