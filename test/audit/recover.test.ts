import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyJournal } from "../../src/audit/verify.ts";
import type { AuditRecord } from "../../src/core/journal.ts";
import {
  failure,
  intent,
  openJournal,
  outcome,
  principal,
  recordsOf,
  segmentPath,
  temporaryDirectory,
} from "./support.ts";

/** A closed journal of these records. */
async function journalWith(records: readonly AuditRecord[]): Promise<string> {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  for (const record of records) await journal.append(record);
  await journal.close();
  return directory;
}

describe("opening a journal that a crash left", () => {
  it("cuts a last line that was torn at any byte, and records that it did", async () => {
    const directory = await journalWith([intent("a"), outcome("a")]);
    const valid = readFileSync(segmentPath(directory));
    const offset = valid.lastIndexOf(10, valid.length - 2) + 1;
    for (let end = offset; end < valid.length; end++) {
      writeFileSync(segmentPath(directory), valid.subarray(0, end));
      const journal = await openJournal(directory);
      expect(journal.unfinished.map(({ call }) => call)).toEqual(["a"]);
      await journal.close();
      const recovered = { event: "recovered", details: { segment: 1, offset, cutBytes: end - offset } };
      expect(recordsOf(directory).slice(3)).toMatchObject([...(end > offset ? [recovered] : []), { event: "opened" }]);
      expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 1, outcomes: 0 });
    }
  });

  it("cuts a last line whose bytes never reached the disk, newline or not", async () => {
    const directory = await journalWith([intent("a")]);
    const valid = readFileSync(segmentPath(directory));
    for (const tail of [Buffer.alloc(5000), Buffer.from(`${"\0".repeat(50)}\n`), Buffer.from('{"seq":\n')]) {
      writeFileSync(segmentPath(directory), Buffer.concat([valid, tail]));
      await (await openJournal(directory)).close();
      expect(readFileSync(segmentPath(directory)).subarray(0, valid.length).equals(valid)).toBe(true);
      expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 1 });
      expect(recordsOf(directory).at(-2)).toMatchObject({ event: "recovered", details: { cutBytes: tail.length } });
    }
  });

  it("cuts a last line that begins well and ends in bytes that never reached the disk", async () => {
    const directory = await journalWith([intent("a"), intent("b")]);
    const valid = readFileSync(segmentPath(directory));
    writeFileSync(segmentPath(directory), Buffer.concat([valid.subarray(0, -50), Buffer.alloc(49), Buffer.from("\n")]));
    expect((await verifyJournal({ directory })).ok).toBe(false);
    expect((await openJournal(directory)).unfinished).toMatchObject([{ call: "a" }]);
  });

  it("refuses anything else that is broken, naming the place, and changes nothing", async () => {
    const directory = await journalWith([intent("a"), intent("b"), intent("c")]);
    const path = segmentPath(directory);
    const valid = readFileSync(path);
    const lines = valid.toString("utf8").split("\n").slice(0, -1);
    const third = Buffer.byteLength(lines.slice(0, 3).join("\n")) + 1;
    const join_ = (all: readonly string[]) => Buffer.from(all.map((line) => `${line}\n`).join(""));
    const cases: [Buffer, RegExp][] = [
      [join_(lines.with(2, (lines[2] as string).replace('"a"', '"x"'))), /segment 1, seq 3, byte \d+: expected prev/],
      [join_(lines.toSpliced(3, 1)), new RegExp(`segment 1, seq 3, byte ${third}: expected seq 3, got seq 4`)],
      [join_(lines.with(3, "garbage")), new RegExp(`segment 1, seq 3, byte ${third}`)],
      [join_([...lines, lines[4] as string]), /segment 1, seq 5/],
      [valid.subarray(0, 20), /segment 1, seq 0, byte 0/],
      [Buffer.alloc(0), /segment 1, seq 0, byte 0/],
    ];
    for (const [content, message] of cases) {
      writeFileSync(path, content);
      const error = await failure(openJournal(directory));
      expect(error.code).toBe("ERR_AUDIT_CORRUPT");
      expect(error.message).toMatch(message);
      expect(error.message).toContain(directory);
      expect(readFileSync(path).equals(content)).toBe(true);
    }
    writeFileSync(path, valid);
    await openJournal(directory);
  });

  it("refuses a journal with a segment missing", async () => {
    const directory = await journalWith([intent("a")]);
    copyFileSync(segmentPath(directory), join(directory, "00000003.jsonl"));
    expect((await failure(openJournal(directory))).message).toContain("segment 2");
  });

  it("begins a new journal where a crash came before the first header was whole", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "00000001.jsonl.new"), '{"seq":0');
    writeFileSync(join(directory, "correlation.key.new"), "x");
    await openJournal(directory);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, records: 1 });
  });
});

describe("open intents", () => {
  const open = async (records: readonly AuditRecord[], options = {}) => {
    const journal = await openJournal(await journalWith(records), options);
    return journal.unfinished;
  };

  it("are those without an outcome, or with an unknown one, oldest first", async () => {
    const now = intent("x").at;
    const found = await open([
      intent("late", { at: now - 1, token: "late", fingerprint: "f" }),
      intent("early", { at: now - 5 }),
      intent("lost", { at: now - 3 }),
      outcome("lost", { result: "unknown" }),
      ...(["ok", "failed", "not-sent"] as const).flatMap((result) => [intent(result), outcome(result, { result })]),
    ]);
    expect(found.map(({ call }) => call)).toEqual(["early", "lost", "late"]);
    expect(found[2]).toEqual({
      call: "late",
      at: now - 1,
      operation: "RunInstances",
      service: "EC2",
      owner: { ...principal, cluster: { namespace: "default", name: "prod-ü", uid: "c-uid" } },
      token: "late",
      fingerprint: "f",
    });
  });

  it("are settled by the clear outcome of a call that resumed them, and of nothing less", async () => {
    const lost = [intent("a", { token: "a" }), outcome("a", { result: "unknown" })];
    const resumed = intent("b", { token: "a" });
    for (const result of ["ok", "failed"] as const) {
      expect(await open([...lost, resumed, outcome("b", { result })])).toEqual([]);
    }
    expect(await open([...lost, resumed, outcome("b", { result: "not-sent" })])).toMatchObject([{ call: "a" }]);
    const both = await open([...lost, resumed, outcome("b", { result: "unknown" })]);
    expect(both.map(({ call }) => call).sort()).toEqual(["a", "b"]);
    expect(await open([...lost, resumed])).toHaveLength(2);
    expect(await open([...lost, resumed, intent("c", { token: "a" }), outcome("c")])).toEqual([]);
    expect(await open([...lost, intent("b", { token: "b" }), outcome("b")])).toMatchObject([{ call: "a" }]);
  });

  it("are settled too where the caller brought the token", async () => {
    const lost = intent("a", { token: "mine" });
    expect(await open([lost, intent("b", { token: "mine" }), outcome("b")])).toEqual([]);
    expect(await open([lost, intent("b", { token: "a" }), outcome("b")])).toEqual([]);
    expect(await open([lost, intent("b", { token: "other" }), outcome("b")])).toMatchObject([{ call: "a" }]);
  });

  it("are read whatever the order of their fields", async () => {
    const { type, call, ...rest } = intent("a");
    const { type: kind, result, ...end } = outcome("b");
    const found = await open([{ ...rest, call, type }, intent("b"), { ...end, result, type: kind }]);
    expect(found).toMatchObject([{ call: "a" }]);
  });

  it("are forgotten when they are older than the window", async () => {
    const { at } = intent("x");
    const records = [intent("old", { at: at - 86_500_000 }), intent("young", { at: at - 86_000_000 })];
    expect(await open(records)).toMatchObject([{ call: "young" }]);
    expect(await open(records, { resumeWindowMs: 1e9 })).toHaveLength(2);
    expect(await open(records, { resumeWindowMs: 0 })).toEqual([]);
  });
});
