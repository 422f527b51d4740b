import { attempt, decision, kind, result } from "./parts.ts";
import type { StoredRecord } from "./records.ts";

/**
 * Tells at a glance of nearly all records of calls that they fit the schema: to check each of millions of them
 * with zod takes longer than to parse them. Of any other one nothing is said; zod checks it.
 *
 * @returns `true` only for what zod accepts, and where it would give attempts and decisions back in the same order.
 */
export function isPlainRecord(value: unknown): value is StoredRecord {
  if (!isFields(value) || !isCount(value.seq) || !isHash(value.prev) || !isText(value.call) || !isTime(value.at))
    return false;
  switch (value.type) {
    case "intent":
      return (
        hasFacts(value) &&
        "input" in value &&
        (value.truncated === undefined || value.truncated === true) &&
        maybe(value.token, isText) &&
        maybe(value.fingerprint, isText) &&
        maybe(value.resources, isTexts)
      );
    case "outcome":
      return hasEnding(value) && maybe(value.resources, isTexts);
    case "read":
      return hasFacts(value) && hasEnding(value);
    case "refusal":
      return hasFacts(value) && isText(value.code) && maybe(value.decisions, isDecisions);
    default:
      return false;
  }
}

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === "string";
const isText: Check = (value) => typeof value === "string" && value !== "";
const isNumber: Check = (value) => Number.isFinite(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const isHash: Check = (value) => typeof value === "string" && /^[\w-]{43}$/.test(value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const maybe = (value: unknown, check: Check): boolean => value === undefined || check(value);

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isOneOf = (schema: { readonly options: readonly string[] }): Check => {
  const known: ReadonlySet<unknown> = new Set(schema.options);
  return (value) => known.has(value);
};
const isKind = isOneOf(kind);
const isResult = isOneOf(result);
const isPhase = isOneOf(decision.shape.phase);
const isVerdict = isOneOf(decision.shape.verdict);

/** Whether an object has no other fields than these, in this order, in which zod would give them back. */
function inOrder(value: Fields, names: readonly string[]): boolean {
  let from = 0;
  for (const name in value) {
    const at = names.indexOf(name, from);
    if (at === -1) return false;
    from = at + 1;
  }
  return true;
}

const attemptNames = Object.keys(attempt.shape);
const decisionNames = Object.keys(decision.shape);

const isAttempts: Check = (value) =>
  Array.isArray(value) &&
  value.every(
    (each) =>
      isFields(each) &&
      inOrder(each, attemptNames) &&
      isCount(each.n) &&
      each.n !== 0 &&
      maybe(each.requestId, isString) &&
      maybe(each.status, isNumber) &&
      isText(each.result) &&
      maybe(each.code, isString) &&
      isNumber(each.ms) &&
      maybe(each.waitedMs, isNumber),
  );

const isDecisions: Check = (value) =>
  Array.isArray(value) &&
  value.every(
    (each) =>
      isFields(each) &&
      inOrder(each, decisionNames) &&
      isPhase(each.phase) &&
      isText(each.by) &&
      isVerdict(each.verdict) &&
      maybe(each.code, isText) &&
      maybe(each.ms, isNumber) &&
      maybe(each.note, isString),
  );

const isRef: Check = (value) => isFields(value) && isText(value.namespace) && isText(value.name) && isText(value.uid);

const hasFacts = ({ target, operation, kind, resourceType, owner, manual }: Fields): boolean =>
  isFields(target) &&
  isText(target.cloud) &&
  isText(target.service) &&
  isString(target.account) &&
  isString(target.region) &&
  isText(operation) &&
  isKind(kind) &&
  maybe(resourceType, isString) &&
  isFields(owner) &&
  isText(owner.managementCluster) &&
  isText(owner.provider) &&
  maybe(owner.cluster, isRef) &&
  maybe(owner.machine, isRef) &&
  maybe(manual, (by) => isFields(by) && isText(by.operator) && isText(by.reason) && maybe(by.ticket, isText));

const hasEnding = ({ result, ms, attempts, decisions, error }: Fields): boolean =>
  isResult(result) && isNumber(ms) && isAttempts(attempts) && maybe(decisions, isDecisions) && maybe(error, isString);
