import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { JournalHead } from "../../src/audit/line.ts";
import { verifyJournal } from "../../src/audit/verify.ts";
import { failure, intent, openJournal, outcome, read, segmentPath, temporaryDirectory } from "./support.ts";

describe("verification", () => {
  let directory: string;
  let file: string;
  let valid: Buffer;
  let head: JournalHead;

  beforeEach(async () => {
    directory = temporaryDirectory();
    file = segmentPath(directory);
    const journal = await openJournal(directory);
    for (let i = 0; i < 20; i++) {
      await journal.append(intent(`a${i}`, { input: { name: "ü".repeat(i) } }));
      if (i % 2 === 0) journal.enqueue(outcome(`a${i}`));
      else journal.enqueue(read(`r${i}`));
    }
    await journal.close();
    valid = readFileSync(file);
    const found = await verifyJournal({ directory });
    if (found.head === undefined) throw new Error("no head");
    head = found.head;
  });

  const lines = () => valid.toString("utf8").split("\n").slice(0, -1);
  const write = (changed: readonly string[]) => writeFileSync(file, changed.map((line) => `${line}\n`).join(""));
  const offsetOf = (seq: number) => Buffer.byteLength(lines().slice(0, seq).join("\n")) + (seq > 0 ? 1 : 0);

  it("counts what an untouched journal holds", async () => {
    expect(await verifyJournal({ directory, head })).toEqual({
      status: "ok",
      ok: true,
      pinned: true,
      records: 41,
      segments: 1,
      firstSegment: 1,
      head,
      intents: 20,
      outcomes: 10,
      unfinished: 10,
    });
  });

  it("names the place of a changed byte: the line whose prev no longer fits", async () => {
    const changed = lines();
    changed[4] = (changed[4] as string).replace("RunInstances", "RunInstancez");
    write(changed);
    const { ok, problem } = await verifyJournal({ directory });
    expect(ok).toBe(false);
    expect(problem).toMatchObject({
      segment: 1,
      seq: 5,
      offset: offsetOf(5),
      what: expect.stringContaining("changed"),
    });
  });

  it("finds lines that were removed, repeated, swapped, emptied, or that are no journal lines", async () => {
    const all = lines();
    const [a, b] = [all[7] as string, all[8] as string];
    const cases: [string[], number][] = [
      [all.toSpliced(7, 1), 7],
      [all.toSpliced(7, 0, a), 8],
      [all.toSpliced(7, 2, b, a), 7],
      [all.toSpliced(7, 1, ""), 7],
      [all.toSpliced(7, 1, "null"), 7],
      [all.toSpliced(7, 1, '{"seq":7}'), 7],
      [all.toSpliced(7, 1, a.slice(0, -1)), 7],
      [all.slice(1), 0],
    ];
    for (const [changed, seq] of cases) {
      write(changed);
      const { ok, problem } = await verifyJournal({ directory });
      expect(ok).toBe(false);
      // A line cut short is found at once if what is left is no JSON, else by its successor's prev.
      expect([seq, seq + 1]).toContain(problem?.seq);
    }
  });

  it("finds a changed header, whatever is changed in it", async () => {
    const all = lines();
    for (const [from, to] of [
      ["mc-uid", "mc-uie"],
      ['"segment":1', '"segment":2'],
      ['"version":1', '"version":0'],
      ['"type":"header"', '"type":"notice"'],
    ] as const) {
      const changed = (all[0] as string).replace(from, to);
      expect(changed).not.toBe(all[0]);
      write([changed, ...all.slice(1)]);
      expect((await verifyJournal({ directory })).ok).toBe(false);
      if (from === "mc-uid") continue;
      write([changed]);
      expect((await verifyJournal({ directory })).ok).toBe(false);
    }
  });

  it("finds a file that was cut inside a line, emptied, or has something after its last line", async () => {
    const second = offsetOf(2);
    for (const content of [valid.subarray(0, second - 9), valid.subarray(0, 9), Buffer.alloc(0)]) {
      writeFileSync(file, content);
      const { ok, problem } = await verifyJournal({ directory });
      expect([ok, problem?.segment]).toEqual([false, 1]);
    }
    writeFileSync(file, Buffer.concat([valid, Buffer.from("x")]));
    expect((await verifyJournal({ directory, head })).problem?.offset).toBe(valid.length);
  });

  it("finds a cut at the end if the head is pinned, and cannot without", async () => {
    write(lines().slice(0, -3));
    expect((await verifyJournal({ directory })).ok).toBe(true);
    const { ok, problem } = await verifyJournal({ directory, head });
    expect(ok).toBe(false);
    expect(problem).toMatchObject({
      seq: head.seq - 2,
      expected: `seq ${head.seq}`,
      what: expect.stringContaining("cut"),
    });
  });

  it("finds a journal that was written anew, whole in itself, by its pinned head", async () => {
    rmSync(file);
    const journal = await openJournal(directory);
    for (let i = 0; i < 60; i++) await journal.append(intent(`b${i}`));
    await journal.close();
    expect((await verifyJournal({ directory })).ok).toBe(true);
    const { ok, problem } = await verifyJournal({ directory, head });
    expect([ok, problem?.seq, problem?.expected]).toEqual([false, head.seq, `hash ${head.hash}`]);
  });

  it("says of a directory without a journal that it is incomplete, and tampered if a head is pinned", async () => {
    rmSync(file);
    const nothing = { ok: false, segments: 0, head: undefined, problem: { segment: 1, actual: "no segment at all" } };
    expect(await verifyJournal({ directory })).toMatchObject({ status: "incomplete", ...nothing });
    expect(await verifyJournal({ directory, head })).toMatchObject({ status: "tampered", ...nothing });
  });

  it("says clearly that a newer format is beyond it", async () => {
    write([(lines()[0] as string).replace('"version":1', '"version":2')]);
    const error = await failure(verifyJournal({ directory }));
    expect(error.code).toBe("ERR_AUDIT_UNAVAILABLE");
    expect(error.message).toMatch(/00000001\.jsonl: has format 2, .* reads up to 1/);
    expect((await failure(openJournal(directory))).message).toContain("has format 2");
  });

  it("verifies while the journal is written", async () => {
    const journal = await openJournal(directory);
    let writing = true;
    const writer = (async () => {
      for (let i = 0; i < 300; i++) {
        await journal.append(intent(`w${i}`));
        journal.enqueue(read(`w${i}`));
      }
      writing = false;
    })();
    while (writing) expect(await verifyJournal({ directory, head })).toMatchObject({ ok: true });
    await writer;
  });

  it("reads lines longer than its buffer, and lines that end where it does", async () => {
    const journal = await openJournal(directory);
    for (const length of [3_000_000, 1_048_000, 1_048_576, 2_097_152]) {
      await journal.append(intent("long", { input: "ü".repeat(length / 2) }));
    }
    await journal.close();
    expect(await verifyJournal({ directory, head })).toMatchObject({ ok: true });
  });

  it("ends with the signal's reason", async () => {
    const reason = new Error("enough");
    await expect(verifyJournal({ directory, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("refuses wrong options, and a directory that is not there, by name", async () => {
    expect((await failure(verifyJournal({ directory, head: { seq: -1, hash: "" } }))).message).toContain(
      "verify.head.seq",
    );
    expect((await failure(verifyJournal({ directory, pin: 1 } as never))).code).toBe("ERR_CONFIG_INVALID");
    const gone = join(directory, "gone");
    expect((await failure(verifyJournal({ directory: gone }))).message).toContain(gone);
    mkdirSync(join(gone, "00000001.jsonl"), { recursive: true });
    expect((await failure(verifyJournal({ directory: gone }))).code).toBe("ERR_AUDIT_UNAVAILABLE");
  });
});
