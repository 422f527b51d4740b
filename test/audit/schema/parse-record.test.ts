import { readFileSync, writeFileSync } from "node:fs";
import { parseRecord } from "provider-guard/audit";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { storedRecord } from "../../../src/audit/schema/records.ts";
import { serialize } from "../../../src/audit/serialize.ts";
import { intent, outcome, read } from "../support.ts";

const prev = "A".repeat(43);
const line = (body: string) => body.replace("{", `{"seq":7,"prev":"${prev}",`);
// biome-ignore lint/suspicious/noExplicitAny: broken on purpose
const changed = (body: string, change: (record: any) => void): string => {
  const record = JSON.parse(line(body));
  change(record);
  return JSON.stringify(record);
};
const whole = serialize(
  intent("c1", { manual: { operator: "ada", reason: "why" }, token: "c1", resources: ["i-1"], truncated: true }),
);
const ended = serialize(
  outcome("c1", {
    attempts: [{ n: 1, requestId: "r", status: 200, result: "ok", ms: 3, waitedMs: 1 }],
    decisions: [{ phase: "limit", by: "limit", verdict: "wait", ms: 1 }],
    resources: ["i-2"],
  }),
);

const file = new URL("../../../docs/reference/audit-record.schema.json", import.meta.url);

describe("the record schema", () => {
  it("is published as JSON Schema; UPDATE_SCHEMA=1 writes the file anew", () => {
    const generated = z.toJSONSchema(storedRecord);
    if (process.env.UPDATE_SCHEMA === "1") writeFileSync(file, `${JSON.stringify(generated, undefined, 2)}\n`);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(generated);
  });

  it.each([
    ["an intent", whole],
    ["an outcome", ended],
    ["a read", serialize(read("c1"))],
    ["a line of a later version with a field more", whole.replace('"type"', '"later":{"a":1},"type"')],
  ])("accepts %s and keeps every field", (_name, body) => {
    expect(parseRecord(line(body))).toEqual({ status: "ok", record: JSON.parse(line(body)) });
  });

  it("says of a kind of record that it does not know what it is called, and no more", () => {
    expect(parseRecord(line('{"type":"witness","at":1}'))).toEqual({ status: "unknown-type", type: "witness" });
  });

  it.each<[string, string, string]>([
    ["text that is no JSON", "{", "line"],
    ["JSON that is no object", "7", ""],
    ["null", "null", ""],
    ["a record without a type", changed(whole, (record) => delete record.type), "type"],
    ["a type that is no text", changed(whole, (record) => (record.type = 1)), "type"],
    ["a seq that is no count", changed(whole, (record) => (record.seq = -1)), "seq"],
    ["a prev that is no hash", changed(whole, (record) => (record.prev = "x")), "prev"],
    ["no call", changed(whole, (record) => delete record.call), "call"],
    ["a time that is no number", changed(whole, (record) => (record.at = "now")), "at"],
    ["half a target", changed(whole, (record) => delete record.target.service), "target.service"],
    ["an owner without a provider", changed(whole, (record) => delete record.owner.provider), "owner.provider"],
    ["a cluster without a uid", changed(whole, (record) => delete record.owner.cluster.uid), "owner.cluster.uid"],
    ["a kind that there is not", changed(whole, (record) => (record.kind = "destroy")), "kind"],
    ["an operator without a reason", changed(whole, (record) => delete record.manual.reason), "manual.reason"],
    ["resources that are no list", changed(whole, (record) => (record.resources = "i-1")), "resources"],
    ["a result that there is not", changed(ended, (record) => (record.result = "fine")), "result"],
    ["no attempts at all", changed(ended, (record) => delete record.attempts), "attempts"],
    ["an attempt without a number", changed(ended, (record) => delete record.attempts[0].n), "attempts.0.n"],
    ["a verdict that there is not", changed(ended, (record) => (record.decisions[0].verdict = "hm")), "decisions.0"],
  ])("refuses %s, naming the field", (_name, text, path) => {
    const parsed = parseRecord(text);
    if (parsed.status !== "invalid") throw new Error(`was ${parsed.status}`);
    expect(parsed.problems.join()).toContain(path);
  });

  it("names at most ten problems, and none by its value", () => {
    const parsed = parseRecord(
      changed(ended, (record) => (record.attempts = Array.from({ length: 500 }, () => ({ n: "hunter2" })))),
    );
    if (parsed.status !== "invalid") throw new Error(`was ${parsed.status}`);
    expect(parsed.problems).toHaveLength(10);
    expect(parsed.problems.join()).not.toContain("hunter2");
  });
});
