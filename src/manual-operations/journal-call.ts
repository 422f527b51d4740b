import type { IntentRecord, OutcomeRecord, ReadRecord } from "../core/journal.ts";
import type { ManualOperation } from "../core/manual.ts";
import type { Owner } from "../core/owner.ts";
import type { CallKind, Target } from "../core/target.ts";
import { textsOf } from "./fields.ts";
import type { TrailEvent } from "./trail-event.ts";

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

/** Events that were taken for requests whose id nobody has seen. */
export interface Claims {
  /** Ids of those that carry the call's id. */
  readonly marked: Set<string>;
  /** Those that only fit, by their ids. */
  readonly fitting: Map<string, TrailEvent>;
}

/** A call with what it can be found by. */
export interface IndexedCall extends JournalCall {
  /** Which journal it is in, and the number of its line there. */
  readonly journal: number;
  readonly seq: number;
  /** Texts of its input while nobody knows how it ended, to tell what it was about. */
  resources: readonly string[];
  /** Its requests whose id is known, and whether each was the last. */
  requests: readonly { readonly id: string; readonly last: boolean }[];
  /** Requests that may have arrived and whose id nobody has seen. */
  unnamed: number;
  claims: Claims | undefined;
  endAt: number | undefined;
  succeededAs: string | undefined;
  /** Whether the trail shows it. */
  seen: boolean;
  /** Whether its outcome can no longer come: its process has ended. */
  abandoned: boolean;
}

function textsIn(value: unknown, found: unknown[] = [], depth = 0): readonly unknown[] {
  if (found.length >= 64 || depth > 6) return found;
  if (typeof value === "string") found.push(value);
  else if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value).slice(0, 64)) textsIn(inner, found, depth + 1);
  }
  return found;
}

/** Requests that a call without an outcome may have sent: SDKs repeat one a few times. */
const maxUnheard = 5;

const called = (record: IntentRecord | ReadRecord, at: number, journal: number, seq: number): IndexedCall => {
  const { call, target, operation, kind, owner, manual } = record;
  return {
    call,
    at,
    target,
    operation,
    kind,
    owner,
    manual,
    journal,
    seq,
    resources: [],
    requests: [],
    unnamed: 0,
    claims: undefined,
    endAt: undefined,
    succeededAs: undefined,
    seen: false,
    abandoned: false,
  };
};

/** Makes room for claims where there is none yet: few calls ever need it. */
export function claimsOf(call: IndexedCall): Claims {
  call.claims ??= { marked: new Set(), fitting: new Map() };
  return call.claims;
}

/** A call whose outcome is still to come. */
export function begunCall(record: IntentRecord, journal: number, seq: number): IndexedCall {
  const call = called(record, record.at, journal, seq);
  if (call.kind !== "create") call.resources = record.resources ?? textsOf(textsIn(record.input), 64);
  call.unnamed = maxUnheard; // until an outcome says otherwise
  return call;
}

/** A read: its one record tells beginning and end. */
export function readCall(record: ReadRecord, journal: number, seq: number): IndexedCall {
  const call = called(record, record.at - record.ms, journal, seq);
  endCall(call, record);
  return call;
}

/** Notes how a call ended. */
export function endCall(call: IndexedCall, { at, result, attempts }: OutcomeRecord | ReadRecord): void {
  call.endAt = at;
  call.resources = result === "unknown" ? call.resources : [];
  const lastIndex = attempts.length - 1;
  call.requests = attempts.flatMap(({ requestId }, index) =>
    requestId === undefined ? [] : [{ id: requestId, last: index === lastIndex }],
  );
  call.unnamed = attempts.filter((attempt) => attempt.requestId === undefined && attempt.result !== "not-sent").length;
  const last = attempts.at(-1);
  if (last?.result === "ok") call.succeededAs = last.requestId;
}
