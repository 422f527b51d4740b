import type { AuditRecord } from "../core/journal.ts";
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

const fragments = new WeakMap<object, string>();

/** JSON of an owner or target, which are the same objects for many calls; what could change is not remembered. */
function fragment(value: object): string {
  const known = fragments.get(value);
  if (known !== undefined) return known;
  const json = JSON.stringify(value);
  if (Object.isFrozen(value)) fragments.set(value, json);
  return json;
}

function bodyOf(record: AuditRecord): string {
  if (!("owner" in record && "target" in record)) return JSON.stringify(record);
  const rest = JSON.stringify({ ...record, target: undefined, owner: undefined });
  return `${rest.slice(0, -1)},"target":${fragment(record.target)},"owner":${fragment(record.owner)}}`;
}

/**
 * Turns a record into JSON now, so that whatever happens to it later does not matter.
 * @throws What keeps it from being recorded, as an `Error`.
 */
export function serialize(record: AuditRecord): string {
  // A record that is none would chain to a line which the verifier must refuse.
  if (!Object.hasOwn(ranks, record.type) || "seq" in record || "prev" in record) {
    throw new TypeError("not an audit record");
  }
  const body = bodyOf(record);
  if (typeof body !== "string" || !body.startsWith('{"')) throw new TypeError("not an audit record");
  if (body.length > maxRecordLength) {
    throw new RangeError(`record of ${body.length} characters; at most ${maxRecordLength} are recorded`);
  }
  return body;
}
