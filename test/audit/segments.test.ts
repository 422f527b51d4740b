import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { JournalHead } from "../../src/audit/line.ts";
import { type Verification, verifyJournal } from "../../src/audit/verify.ts";
import { failure, intent, openJournal, outcome, temporaryDirectory } from "./support.ts";

const nameOf = (segment: number) => `0000000${segment}.jsonl`;

describe("a journal of several segments", () => {
  let directory: string;
  let head: JournalHead;

  beforeEach(async () => {
    directory = temporaryDirectory();
    const journal = await openJournal(directory, { segmentBytes: 1300 });
    for (let i = 0; i < 12; i++) {
      await journal.append(intent(`a${i}`));
      if (i % 2 === 0) journal.enqueue(outcome(`a${i}`));
    }
    await journal.close();
    head = (await verifyJournal({ directory })).head as JournalHead;
  });

  const path = (segment: number) => join(directory, nameOf(segment));
  const segments = () => readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  const linesIn = (segment: number) => readFileSync(path(segment), "utf8").split("\n").slice(0, -1);
  // biome-ignore lint/suspicious/noExplicitAny: stored lines are read back as plain JSON
  const recordsIn = (segment: number): any[] => linesIn(segment).map((line) => JSON.parse(line));
  const write = (segment: number, lines: readonly string[]) =>
    writeFileSync(path(segment), lines.map((line) => `${line}\n`).join(""));

  it("is linked both ways, and one chain", async () => {
    expect(segments().length).toBeGreaterThanOrEqual(4);
    for (let segment = 1; segment < segments().length; segment++) {
      const end = recordsIn(segment).at(-1);
      const header = recordsIn(segment + 1)[0];
      expect(end).toMatchObject({ type: "end", next: segment + 1 });
      expect(header).toMatchObject({
        type: "header",
        segment: segment + 1,
        chain: recordsIn(1)[0].chain,
        seq: end.seq + 1,
        follows: { segment, seq: end.seq, hash: header.prev },
      });
    }
    expect(recordsIn(1)[0].follows).toBeUndefined();
    expect(await verifyJournal({ directory, head })).toMatchObject({
      status: "ok",
      pinned: true,
      segments: segments().length,
      firstSegment: 1,
      records: 19,
      intents: 12,
      outcomes: 6,
      unfinished: 6,
    });
  });

  it("begins each segment with the intents that are open, and only those", () => {
    for (let segment = 2; segment <= segments().length; segment++) {
      const [header, carried] = recordsIn(segment);
      const before = Array.from({ length: segment - 1 }, (_, index) => recordsIn(index + 1)).flat();
      const ended = new Set(before.flatMap(({ type, call }) => (type === "outcome" ? [call] : [])));
      const open = before.flatMap(({ type, call }) => (type === "intent" && !ended.has(call) ? [call] : []));
      expect(carried).toMatchObject({ type: "open", at: header.createdAt });
      expect(carried.intents.map(({ call }: { call: string }) => call)).toEqual(open);
    }
  });

  it("is opened without a look at older segments, and knows what they left open", async () => {
    const last = segments().length;
    for (let segment = 1; segment < last - 1; segment++) writeFileSync(path(segment), "not even a journal");
    const journal = await openJournal(directory);
    expect(journal.unfinished.map(({ call }) => call)).toEqual(["a1", "a3", "a5", "a7", "a9", "a11"]);
    expect(journal.unfinished[0]).toMatchObject({
      operation: "RunInstances",
      service: "EC2",
      owner: { provider: "infrastructure-acme" },
    });
  });

  /** What each tampering is named as: status, segment, and words of the problem. */
  const tampered: readonly (readonly [string, (last: number) => void, number, RegExp])[] = [
    ["a missing middle segment", () => rmSync(path(2)), 2, /missing/],
    ["a missing first segment", () => rmSync(path(1)), 1, /not retention/],
    ["two missing first segments", () => [rmSync(path(1)), rmSync(path(2))], 1, /not retention/],
    ["an emptied segment", () => truncateSync(path(2)), 2, /emptied/],
    ["a segment cut after a line", () => write(2, linesIn(2).slice(0, -1)), 2, /cut off/],
    ["a segment cut inside a line", () => truncateSync(path(2), 600), 2, /unfinished|changed/],
    ["a segment that was renamed", (last) => renameSync(path(last), path(last + 1)), -1, /missing/],
    [
      "swapped segments",
      () => {
        renameSync(path(2), path(9));
        renameSync(path(3), path(2));
        renameSync(path(9), path(3));
      },
      2,
      /does not belong here/,
    ],
    ["a segment put in another's place", () => copyFileSync(path(3), path(2)), 2, /does not belong here/],
    [
      "a segment that is there twice",
      (last) => {
        for (let segment = last; segment > 2; segment--) renameSync(path(segment), path(segment + 1));
        copyFileSync(path(2), path(3));
      },
      3,
      /does not belong here/,
    ],
    ["lines after the one that closes", () => write(2, [...linesIn(2), ...linesIn(3).slice(0, 1)]), 2, /added/],
    ["two segments put together", () => write(1, [...linesIn(1), ...linesIn(2)]), 1, /added/],
    [
      "a link forward that was changed",
      () =>
        write(
          2,
          linesIn(2).map((line) => line.replace('"next":3', '"next":4')),
        ),
      2,
      /closes/,
    ],
    [
      "a link back that was changed",
      () =>
        write(
          3,
          linesIn(3).map((line) => line.replace('"follows":{"segment":2', '"follows":{"segment":1')),
        ),
      3,
      /does not belong here/,
    ],
    [
      "lines moved to the segment before",
      () => {
        const moved = linesIn(3)[2] as string;
        write(3, linesIn(3).toSpliced(2, 1));
        write(2, linesIn(2).toSpliced(-1, 0, moved));
      },
      2,
      /missing before|moved/,
    ],
  ];

  it.each(tampered)("names %s", async (_, tamper, segment, what) => {
    const last = segments().length;
    tamper(last);
    for (const pin of [undefined, head]) {
      const found: Verification = await verifyJournal({ directory, ...(pin === undefined ? {} : { head: pin }) });
      expect(found).toMatchObject({ status: "tampered", ok: false, pinned: false });
      expect(found.problem).toMatchObject({
        segment: segment === -1 ? last : segment,
        what: expect.stringMatching(what),
      });
    }
  });

  it("names a segment of another journal", async () => {
    const elsewhere = temporaryDirectory();
    const other = await openJournal(elsewhere, { segmentBytes: 1300 });
    for (let i = 0; i < 12; i++) await other.append(intent(`a${i}`));
    await other.close();
    copyFileSync(join(elsewhere, nameOf(2)), path(2));
    expect((await verifyJournal({ directory })).problem).toMatchObject({
      segment: 2,
      expected: `chain ${recordsIn(1)[0].chain}`,
    });
  });

  it("is incomplete where the last segments are missing, and tampered if they are pinned", async () => {
    rmSync(path(segments().length));
    const last = segments().length;
    const gone = { segment: last + 1, expected: nameOf(last + 1) };
    expect(await verifyJournal({ directory })).toMatchObject({ status: "incomplete", pinned: false, problem: gone });
    expect(await verifyJournal({ directory, head })).toMatchObject({
      status: "tampered",
      problem: { what: expect.stringContaining("cut off the end") },
    });
  });

  it("is not written on while a segment is missing, or the newest does not follow the one before it", async () => {
    const last = segments().length;
    renameSync(path(2), path(9));
    expect((await failure(openJournal(directory))).message).toMatch(/segment 2, .*expected 00000002\.jsonl/);
    renameSync(path(9), path(2));
    const end = linesIn(last - 1);
    write(last - 1, end.slice(0, -1));
    const error = await failure(openJournal(directory));
    expect(error.code).toBe("ERR_AUDIT_CORRUPT");
    expect(error.message).toContain(`segment ${last - 1}`);
    write(last - 1, end);
    copyFileSync(path(2), path(last));
    expect((await failure(openJournal(directory))).message).toContain(`expected segment ${last}, got segment 2`);
  });
});
