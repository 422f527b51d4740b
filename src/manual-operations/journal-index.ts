import { scanJournal } from "../audit/journal-scan.ts";
import type { StoredLine } from "../audit/stored-line.ts";
import type { IntentRecord, OutcomeRecord, ReadRecord } from "../core/journal.ts";
import type { ManualOperation } from "../core/manual.ts";
import type { Owner } from "../core/owner.ts";
import type { CallKind, Target } from "../core/target.ts";
import { textsOf } from "./fields.ts";
import type { TrailSpan } from "./trail.ts";

/** One call as the journal tells of it, with what the trail has shown of it so far. */
export interface JournalCall {
  readonly call: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly target: Target;
  readonly operation: string;
  readonly kind: CallKind;
  readonly owner: Owner;
  readonly manual?: ManualOperation | undefined;
  /** When its outcome was recorded; `undefined` where that is missing. */
  readonly endAt?: number | undefined;
  /** The id of its last request, where that succeeded: the trail must show it. */
  readonly succeededAs?: string | undefined;
}

interface IndexedCall extends JournalCall {
  /** Texts of its input while nobody knows how it ended, to tell what it was about. */
  resources: readonly string[];
  /** Requests that may have arrived and whose id nobody has seen. */
  unnamed: number;
  endAt: number | undefined;
  succeededAs: string | undefined;
  seen: boolean;
}

/** What calls of some time can be found by. */
export interface JournalIndex {
  readonly byCall: ReadonlyMap<string, IndexedCall>;
  readonly byRequest: ReadonlyMap<string, { readonly call: IndexedCall; readonly last: boolean }>;
  /** Calls with requests of which nobody has seen the id. */
  readonly uncertain: readonly IndexedCall[];
  /** Since when, in Unix milliseconds, every call is in the index: older segments may have been removed. */
  readonly completeFrom: number;
  /** Until when, in Unix milliseconds, every call is in the index. */
  readonly completeTo: number;
  /** What was wrong with a journal; constant text. */
  readonly problems: readonly string[];
}

export type { IndexedCall };

function textsIn(value: unknown, found: unknown[] = [], depth = 0): readonly unknown[] {
  if (found.length >= 64 || depth > 6) return found;
  if (typeof value === "string") found.push(value);
  else if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value).slice(0, 64)) textsIn(inner, found, depth + 1);
  }
  return found;
}

const called = (record: IntentRecord | ReadRecord): IndexedCall => {
  const { call, at, target, operation, kind, owner, manual } = record;
  const base = { call, at, target, operation, kind, owner, manual };
  return { ...base, resources: [], unnamed: 0, endAt: undefined, succeededAs: undefined, seen: false };
};

/** Requests that a call without an outcome may have sent: SDKs repeat one a few times. */
const maxUnheard = 5;

/** Options of {@link indexJournals}. */
export interface IndexOptions {
  readonly directories: readonly string[];
  /** Calls that were on their way in this span. */
  readonly span: TrailSpan;
  /** How long a call without an outcome may have been on its way, in milliseconds. */
  readonly openMs: number;
  readonly reads: boolean;
  readonly maxCalls: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads journals, verifying them, and keeps what calls of a span can be found by. When there are more
 * calls than may be kept, the latest are left out, and `completeTo` says from when on.
 *
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a journal cannot be read.
 */
export async function indexJournals(options: IndexOptions): Promise<JournalIndex> {
  const { directories, span, openMs, reads, maxCalls, signal } = options;
  const byCall = new Map<string, IndexedCall>();
  const byRequest = new Map<string, { readonly call: IndexedCall; readonly last: boolean }>();
  const problems: string[] = [];
  let completeFrom = Number.NEGATIVE_INFINITY;
  let completeTo = Number.POSITIVE_INFINITY;

  function kept(call: IndexedCall): boolean {
    if (byCall.size < maxCalls || byCall.has(call.call)) {
      byCall.set(call.call, call);
      return true;
    }
    completeTo = Math.min(completeTo, call.at - 1);
    return false;
  }

  function ended(call: IndexedCall, { at, result, attempts }: OutcomeRecord | ReadRecord): void {
    call.endAt = at;
    call.resources = result === "unknown" ? call.resources : [];
    for (const [index, { requestId, result: answer }] of attempts.entries()) {
      const last = index === attempts.length - 1;
      if (requestId !== undefined) byRequest.set(requestId, { call, last });
      else if (answer !== "not-sent") call.unnamed++;
      if (last && answer === "ok") call.succeededAs = requestId;
    }
  }

  function visit(line: StoredLine): undefined {
    const { type, at = 0, call: id = "" } = line;
    if (type === "intent") {
      if (at > span.to) return;
      const record = JSON.parse(line.text) as IntentRecord;
      const call = called(record);
      if (call.kind !== "create") call.resources = record.resources ?? textsOf(textsIn(record.input), 64);
      call.unnamed = maxUnheard; // until an outcome says otherwise
      kept(call);
    } else if (type === "outcome") {
      const call = byCall.get(id);
      if (call === undefined) return;
      call.unnamed = 0;
      if (at < span.from) byCall.delete(id);
      else ended(call, JSON.parse(line.text) as OutcomeRecord);
    } else if (type === "read" && reads) {
      const record = JSON.parse(line.text) as ReadRecord;
      if (record.at < span.from || record.at - record.ms > span.to) return;
      const call = called({ ...record, at: record.at - record.ms });
      if (kept(call)) ended(call, record);
    }
  }

  for (const directory of directories) {
    let begins = Number.POSITIVE_INFINITY;
    const record = (line: StoredLine) => {
      begins = Math.min(begins, line.at ?? begins);
      return visit(line);
    };
    const { problem, gap, first } = await scanJournal(directory, { record }, { from: "oldest", signal });
    if (problem !== undefined && gap === undefined) problems.push("a journal does not verify: see verifyJournal");
    if (first === 0) problems.push("a directory holds no journal");
    if (first > 1) completeFrom = Math.max(completeFrom, begins);
  }
  for (const [id, call] of byCall) {
    if (call.endAt === undefined && call.at < span.from - openMs) byCall.delete(id);
  }
  const uncertain = [...byCall.values()].filter(({ unnamed }) => unnamed > 0);
  return { byCall, byRequest, uncertain, completeFrom, completeTo, problems };
}
