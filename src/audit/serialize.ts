import type { AttemptRecord, AuditRecord, IntentRecord, OutcomeRecord, ReadRecord } from "../core/journal.ts";
import type { Rank } from "./backlog.ts";
import { maxRecordLength } from "./line.ts";

/** Reads are many and tell least; an outcome's loss leaves its intent open for ever. */
export const ranks: Readonly<Record<AuditRecord["type"], Rank>> = {
  read: 0,
  refusal: 1,
  notice: 1,
  intent: 2,
  outcome: 2,
};

// Every call writes one or two records, and `JSON.stringify` would be the dearest thing about them. The
// three kinds that a call makes are put together here, and what many of them share is kept as text.

const plain = /^[\w .:/@+=-]*$/;
// What comes from an SDK's error may be something else than its type says: it becomes text, once and for all.
const quote = (value: string): string => {
  const text = typeof value === "string" ? value : String(value);
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
};
/** A function or symbol has no JSON at all. */
const anything = (value: unknown): string => JSON.stringify(value) ?? "null";
const number = (value: number): string => (Number.isFinite(value) ? String(value) : "null");
const text = (name: string, value: string | undefined): string =>
  value === undefined ? "" : `,"${name}":${quote(value)}`;
const texts = (name: string, values: readonly string[] | undefined): string =>
  values === undefined ? "" : `,"${name}":[${values.map(quote).join(",")}]`;
const count = (name: string, value: number | undefined): string =>
  value === undefined ? "" : `,"${name}":${number(value)}`;
const json = (name: string, value: unknown): string => (value === undefined ? "" : `,"${name}":${anything(value)}`);

const fragments = new WeakMap<object, string>();

/** JSON of an owner, target or operator; what could change is not remembered. */
function fragment(value: object): string {
  if (typeof value !== "object" || value === null) throw notARecord();
  const known = fragments.get(value);
  if (known !== undefined) return known;
  const made = anything(value);
  if (Object.isFrozen(value)) fragments.set(value, made);
  return made;
}

function facts(record: IntentRecord | ReadRecord): string {
  const { call, at, target, operation, kind, resourceType, owner, manual } = record;
  const what = `,"operation":${quote(operation)},"kind":${quote(kind)}${text("resourceType", resourceType)}`;
  const by = manual === undefined ? "" : `,"manual":${fragment(manual)}`;
  return `"call":${quote(call)},"at":${number(at)},"target":${fragment(target)}${what},"owner":${fragment(owner)}${by}`;
}

function attempt({ n, requestId, status, result, code, ms, waitedMs }: AttemptRecord): string {
  const answer = `${text("requestId", requestId)}${count("status", status)},"result":${quote(result)}${text("code", code)}`;
  return `{"n":${number(n)}${answer},"ms":${number(ms)}${count("waitedMs", waitedMs)}}`;
}

function ending({ result, ms, attempts, decisions, error }: OutcomeRecord | ReadRecord): string {
  if (!Array.isArray(attempts)) throw notARecord();
  const sent = attempts.length === 1 ? attempt(attempts[0] as AttemptRecord) : attempts.map(attempt).join(",");
  return `"result":${quote(result)},"ms":${number(ms)},"attempts":[${sent}]${json("decisions", decisions)}${text("error", error)}`;
}

function bodyOf(record: AuditRecord): string {
  switch (record.type) {
    case "outcome":
      return `{"type":"outcome","call":${quote(record.call)},"at":${number(record.at)},${ending(record)}${texts("resources", record.resources)}}`;
    case "read":
      return `{"type":"read",${facts(record)},${ending(record)}}`;
    case "intent": {
      const { input, truncated, token, fingerprint, resources } = record;
      const rest = `${json("truncated", truncated)}${text("token", token)}${text("fingerprint", fingerprint)}${texts("resources", resources)}`;
      return `{"type":"intent",${facts(record)}${json("input", input)}${rest}}`;
    }
    default: {
      // A copy: getters and proxies have said by now what they have to say.
      const { type, ...rest } = record;
      if (!Object.hasOwn(ranks, type) || "seq" in rest || "prev" in rest || "toJSON" in rest) throw notARecord();
      return JSON.stringify({ type, ...rest });
    }
  }
}

/** A sum of strings is a tree until somebody reads it, and this one waits: as a tree it costs the collector double. */
const flat = (body: string): string => (body.startsWith("{") ? body : `${body}`);

const notARecord = () => new TypeError("not an audit record");

/**
 * Turns a record into JSON now, so that whatever happens to it later does not matter.
 * @throws What keeps it from being recorded, as an `Error`.
 */
export function serialize(record: AuditRecord): string {
  // A record that is none would chain to a line which the verifier must refuse.
  if (!Object.hasOwn(ranks, record.type) || "seq" in record || "prev" in record) throw notARecord();
  const body = flat(bodyOf(record));
  if (body.length > maxRecordLength) {
    throw new RangeError(`record of ${body.length} characters; at most ${maxRecordLength} are recorded`);
  }
  return body;
}
