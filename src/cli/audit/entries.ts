import { type Fields, fieldsIn, listIn, numberIn, textIn, textsIn, timeIn } from "./fields.ts";
import type { JournalLine } from "./journal-reader.ts";

/** One request on the wire. */
export interface AttemptView {
  readonly result: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly ms: number;
  readonly waitedMs: number;
}

/** What a phase did about a call. */
export interface DecisionView {
  readonly phase: string;
  readonly by: string;
  readonly verdict: string;
  readonly code: string | undefined;
  readonly ms: number | undefined;
  readonly note: string | undefined;
}

/** Namespace, name and UID of a cluster or machine. */
export interface RefView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What is known of a call before it ends. */
export interface Facts {
  readonly call: string;
  readonly startedAt: number | undefined;
  readonly operation: string;
  readonly kind: string;
  readonly cloud: string;
  readonly service: string;
  readonly account: string;
  readonly region: string;
  readonly resourceType: string;
  readonly managementCluster: string;
  readonly provider: string;
  readonly cluster: RefView | undefined;
  readonly machine: RefView | undefined;
  readonly token: string | undefined;
  readonly operator: string;
  readonly reason: string;
  readonly ticket: string;
  readonly resources: readonly string[];
}

/** How a call stands: as its outcome says, refused by a phase, or open while there is no outcome. */
export const results = ["ok", "failed", "unknown", "not-sent", "refused", "open"] as const;

/** One call, as the lines about it tell together; `facts` are missing where its intent was not read. */
export interface CallEntry {
  readonly kind: "call";
  /** The line that completes it: outcome, read, refusal, or the intent of an open call. */
  readonly line: JournalLine;
  /** The line of its intent, where an outcome completes it. */
  readonly asked?: JournalLine | undefined;
  readonly at: number | undefined;
  readonly call: string;
  readonly facts: Facts | undefined;
  readonly result: string;
  readonly ms: number | undefined;
  readonly waitedMs: number;
  /** Ids of what was made or touched. */
  readonly resources: readonly string[];
  readonly attempts: readonly AttemptView[];
  readonly decisions: readonly DecisionView[];
  /** Code of a refusal, or code or class of a failure. */
  readonly code: string | undefined;
}

/** Something about the journal or the guard itself. */
export interface NoticeEntry {
  readonly kind: "notice";
  readonly line: JournalLine;
  readonly at: number | undefined;
  readonly event: string;
  readonly details: Fields;
}

export type Entry = CallEntry | NoticeEntry;

function refOf(value: unknown): RefView | undefined {
  const { namespace, name, uid } = fieldsIn(value);
  if (name === undefined && uid === undefined) return undefined;
  return { namespace: textIn(namespace) ?? "", name: textIn(name) ?? "", uid: textIn(uid) ?? "" };
}

/** What is known of a call before it ends. */
export function factsOf(record: Fields): Facts {
  const target = fieldsIn(record.target);
  const owner = fieldsIn(record.owner);
  const manual = fieldsIn(record.manual);
  return {
    call: textIn(record.call) ?? "",
    startedAt: timeIn(record.at),
    operation: textIn(record.operation) ?? "",
    kind: textIn(record.kind) ?? "",
    cloud: textIn(target.cloud) ?? "",
    service: textIn(target.service) ?? textIn(record.service) ?? "",
    account: textIn(target.account) ?? "",
    region: textIn(target.region) ?? "",
    resourceType: textIn(record.resourceType) ?? "",
    managementCluster: textIn(owner.managementCluster) ?? "",
    provider: textIn(owner.provider) ?? "",
    cluster: refOf(owner.cluster),
    machine: refOf(owner.machine),
    token: textIn(record.token),
    operator: textIn(manual.operator) ?? "",
    reason: textIn(manual.reason) ?? "",
    ticket: textIn(manual.ticket) ?? "",
    resources: textsIn(record.resources),
  };
}

const attemptOf = (value: Fields): AttemptView => ({
  result: textIn(value.result) ?? "",
  status: numberIn(value.status),
  code: textIn(value.code),
  requestId: textIn(value.requestId),
  ms: numberIn(value.ms) ?? 0,
  waitedMs: numberIn(value.waitedMs) ?? 0,
});

const decisionOf = (value: Fields): DecisionView => ({
  phase: textIn(value.phase) ?? "",
  by: textIn(value.by) ?? "",
  verdict: textIn(value.verdict) ?? "",
  code: textIn(value.code),
  ms: numberIn(value.ms),
  note: textIn(value.note),
});

/** What one line says of a call. */
export function callEntry(line: JournalLine, facts: Facts | undefined): CallEntry {
  const { record } = line;
  const type = textIn(record.type);
  const attempts = listIn(record.attempts).map(attemptOf);
  const fallback = type === "refusal" ? "refused" : type === "intent" ? "open" : "unknown";
  return {
    kind: "call",
    line,
    at: timeIn(record.at),
    call: textIn(record.call) ?? "",
    facts,
    result: textIn(record.result) ?? fallback,
    ms: numberIn(record.ms),
    waitedMs: attempts.reduce((sum, { waitedMs }) => sum + waitedMs, 0),
    resources: [...new Set([...(facts?.resources ?? []), ...textsIn(record.resources)])],
    attempts,
    decisions: listIn(record.decisions).map(decisionOf),
    code: textIn(record.code) ?? textIn(record.error),
  };
}
