import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPlainRecord } from "../../../src/audit/schema/plain-record.ts";
import { storedRecord } from "../../../src/audit/schema/records.ts";
import { serialize } from "../../../src/audit/serialize.ts";
import { intent, outcome, read } from "../support.ts";

const attempts = [{ n: 1, requestId: "r", status: 503, result: "unavailable", code: "Busy", ms: 3.5, waitedMs: 1 }];
const decisions = [{ phase: "limit", by: "limit", verdict: "wait", code: "C", ms: 1, note: "n" }] as const;
const manual = { operator: "ada", reason: "why", ticket: "CHG-1" };
const machine = { namespace: "n", name: "m", uid: "u" };
const { target, operation, kind, owner } = intent("c");
const full = [
  intent("c", {
    ...{ manual, token: "t", fingerprint: "f", resources: ["i-1"], truncated: true, resourceType: "instance" },
    owner: { ...owner, machine },
  }),
  outcome("c", { attempts, decisions, error: "Busy", resources: ["i-1"] }),
  { ...read("c"), attempts, decisions, manual },
  { type: "refusal", call: "c", at: 1, target, operation, kind, owner, manual, code: "ERR_X", decisions } as const,
];
const plain = (record: (typeof full)[number]) =>
  JSON.parse(serialize(record).replace("{", `{"seq":7,"prev":"${"A".repeat(43)}",`));

/** Every object and list within a value, the value itself first. */
function insides(value: unknown): (Record<string, unknown> | unknown[])[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(insides)];
}

const junk = fc.oneof(
  fc.constantFrom<unknown>("", "x", "ok", "read", 0, -1, 1.5, 2 ** 53, Infinity, null, true, false, [], {}, [1], [""]),
  fc.constantFrom<unknown>([{}], ["i-1", 2], { n: 1 }, "A".repeat(43), "A".repeat(44)),
);

describe("what is told of a record at a glance", () => {
  it.each(full.map((record) => [record.type, record]))("is that a whole %s fits", (_type, record) => {
    expect(isPlainRecord(plain(record))).toBe(true);
  });

  it("is true only of what zod accepts, and gives back in the same order", () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...full),
        fc.array(fc.record({ at: fc.nat(), key: fc.nat(), how: fc.nat(3), value: junk }), { maxLength: 3 }),
        (record, changes) => {
          const value = plain(record);
          for (const { at, key, how, value: other } of changes) {
            const all = insides(value);
            const inside = all[at % all.length] as Record<string, unknown>;
            const names = Object.keys(inside);
            if (Array.isArray(inside) && names.length === 0) continue; // no list out of JSON has a name
            const name = names[key % Math.max(1, names.length)] ?? "n";
            const before = inside[name];
            if (how === 0) inside[name] = structuredClone(other);
            else if (Array.isArray(inside)) continue;
            else if (how === 1) inside.later = structuredClone(other);
            else delete inside[name];
            if (how === 3) inside[name] = before; // the same, as the last one
          }
          if (!isPlainRecord(value)) return;
          accepted++;
          const checked = storedRecord.safeParse(value);
          expect(checked.success).toBe(true);
          const data = checked.data as unknown as Record<string, unknown>;
          expect(data).toEqual(value);
          for (const name of ["attempts", "decisions", "input"]) {
            expect(JSON.stringify(data[name])).toBe(JSON.stringify((value as never)[name]));
          }
        },
      ),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(2_000);
  });
});
