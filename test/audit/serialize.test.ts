import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { serialize } from "../../src/audit/serialize.ts";
import type { AttemptRecord, Decision, IntentRecord, OutcomeRecord, ReadRecord } from "../../src/index.ts";

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("ok", "a-1", 'quo"te', "new\nline", "\u2028"),
);
const number = fc.oneof(fc.integer(), fc.double());
const target = fc.record({ cloud: text, service: text, account: text, region: text });
const ref = fc.record({ namespace: text, name: text, uid: text });
const owner = fc.record({ managementCluster: text, provider: text, cluster: ref }).map((value) => Object.freeze(value));
const attempt: fc.Arbitrary<Required<AttemptRecord>> = fc.record({
  n: number,
  requestId: optional(text),
  status: optional(number),
  result: text,
  code: optional(text),
  ms: number,
  waitedMs: optional(number),
});
const decision: fc.Arbitrary<Decision> = fc.record({
  phase: fc.constant("own"),
  by: text,
  verdict: fc.constant("wait"),
  note: text,
});
// `Required` makes the compiler name every field that a record may have: one that the serializer forgot shows here.
const facts = {
  call: text,
  at: number,
  target: fc.oneof(
    target,
    target.map((value) => Object.freeze(value)),
  ),
  operation: text,
  kind: fc.constantFrom("read", "create"),
  resourceType: optional(text),
  owner,
  manual: optional(fc.record({ operator: text, reason: text, ticket: text }).map((value) => Object.freeze(value))),
} as const;
const ending = {
  result: fc.constantFrom("ok", "unknown"),
  ms: number,
  attempts: fc.array(attempt, { maxLength: 3 }),
  decisions: optional(fc.array(decision, { maxLength: 2 })),
  error: optional(text),
} as const;
const intent: fc.Arbitrary<Required<IntentRecord>> = fc.record({
  type: fc.constant("intent"),
  ...facts,
  input: fc.jsonValue(),
  truncated: fc.constantFrom(true, undefined),
  token: optional(text),
  fingerprint: optional(text),
  resources: optional(fc.array(text, { maxLength: 2 })),
});
const outcome: fc.Arbitrary<Required<OutcomeRecord>> = fc.record({
  type: fc.constant("outcome"),
  call: text,
  at: number,
  ...ending,
  resources: optional(fc.array(text, { maxLength: 2 })),
});
const read: fc.Arbitrary<Required<ReadRecord>> = fc.record({ type: fc.constant("read"), ...facts, ...ending });

describe("a record as JSON", () => {
  it("is what JSON.stringify would have said, field by field, for any record of a call", () => {
    fc.assert(
      fc.property(fc.oneof(intent, outcome, read), (record) => {
        const once = serialize(record);
        expect(JSON.parse(once)).toEqual(JSON.parse(JSON.stringify(record)));
        expect(serialize(record)).toBe(once);
        expect(once).not.toContain("\n");
      }),
      { numRuns: 2000 },
    );
  });

  it("starts as the verifier reads fastest: type, call and time, then an outcome's result", () => {
    fc.assert(
      fc.property(fc.oneof(intent, outcome, read), (record) => {
        const keys = Object.keys(JSON.parse(serialize(record)));
        expect(keys.slice(0, 3)).toEqual(["type", "call", "at"]);
        if (record.type === "outcome") expect(keys[3]).toBe("result");
      }),
    );
  });

  it("does not take what changed since for what it was", () => {
    const owner = { managementCluster: "a", provider: "p" };
    const record = { type: "read", call: "c", at: 1, owner, target: {}, result: "ok", ms: 1, attempts: [] } as never;
    serialize(record);
    owner.provider = "q";
    expect(serialize(record)).toContain('"provider":"q"');
  });
});
