import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkpoints } from "../../../src/audit/checkpoint/checkpoints.ts";
import { proveConsistency, verifyConsistency } from "../../../src/audit/checkpoint/consistency.ts";
import { proveInclusion, verifyInclusion } from "../../../src/audit/checkpoint/inclusion.ts";
import { verifyCheckpoints } from "../../../src/audit/checkpoint/verify-checkpoints.ts";
import type { JournalFollower } from "../../../src/audit/feed.ts";
import type { FileJournalOptions } from "../../../src/audit/file-journal-options.ts";
import { nodeFiles } from "../../../src/audit/journal-files.ts";
import { shipping } from "../../../src/audit/shipping/shipping.ts";
import { simulatedClock } from "../../../src/testing/simulated-clock.ts";
import { fakeSink, shippedFiles } from "../shipping/support.ts";
import { failure, intent, openJournal, outcome, temporaryDirectory } from "../support.ts";
import { journalLines, newKey, noticesIn, storedIn } from "./support.ts";

const dayMs = 86_400_000;
const key = newKey();
const keys = [key.publicKey];

const numbers = (directory: string, pattern: RegExp): number[] =>
  readdirSync(directory)
    .flatMap((name) => (pattern.test(name) ? Number.parseInt(name, 10) : []))
    .sort((a, b) => a - b);
const segmentsIn = (directory: string) => numbers(directory, /^\d{8}\.jsonl$/);
const checkpointFilesIn = (directory: string) => numbers(directory, /^\d{8}\.checkpoints\.jsonl$/);

/** Signs in the middle of segments, and not in all of them. */
const signing = () => checkpoints({ key, everyRecords: 25, everyMs: dayMs });

/** A journal of a dozen segments, of which retention may leave four or so. */
async function world(followers: readonly JournalFollower[], options: Partial<FileJournalOptions> = {}) {
  const directory = temporaryDirectory();
  const clock = simulatedClock();
  const open = (with_: readonly JournalFollower[] = followers) =>
    openJournal(directory, { segmentBytes: 3000, followers: with_, ...options }, nodeFiles, { clock });
  let calls = 0;
  const journal = await open();
  async function fill(segments: number, into = journal): Promise<void> {
    for (const end = into.feed.position.segment + segments; into.feed.position.segment < end; ) {
      const call = `c${calls++}`;
      await into.append(intent(call, { at: clock.now() }));
      into.enqueue(outcome(call, { at: clock.now() }));
      await into.flush();
      await clock.advance(10);
    }
    await clock.advance(10_000);
  }
  return { directory, clock, journal, open, fill };
}

describe("what retention leaves of a signed journal", () => {
  it("has each of its lines still provable, and each of its trees, with the older checkpoints gone", async () => {
    const { directory, clock, journal, fill } = await world([signing()], { keep: { bytes: 12_000 } });
    const kept: string[] = [];
    for (let round = 0; round < 12; round++) {
      await fill(1);
      kept.push(storedIn(directory).at(-1).note);
    }
    await clock.runUntil(journal.close());
    const segments = segmentsIn(directory);
    expect(segments[0]).toBeGreaterThan(4);
    expect(segments.length).toBeGreaterThan(2);
    expect(checkpointFilesIn(directory)[0]).toBeGreaterThanOrEqual(segments[0] as number);
    expect(checkpointFilesIn(directory).length).toBeLessThan(segments.length); // some segment has none of its own

    const lines = journalLines(directory);
    const first = JSON.parse(lines[0] as string).seq;
    for (const [index, line] of lines.entries()) {
      const proof = await proveInclusion({ directory, seq: first + index });
      expect(verifyInclusion(proof, keys)).toMatchObject({ ok: true, seq: first + index, line });
    }
    let proven = 0;
    for (const older of kept) {
      const from = Number(older.split("\n")[1]);
      if (from < first) continue;
      expect(verifyConsistency(await proveConsistency({ directory, from }), older, keys).ok).toBe(true);
      expect(await verifyCheckpoints({ directory, publicKeys: keys, head: older })).toMatchObject({ status: "ok" });
      proven++;
    }
    expect(proven).toBeGreaterThan(1);
    expect(await failure(proveInclusion({ directory, seq: first - 1 }))).toMatchObject({
      code: "ERR_AUDIT_UNAVAILABLE",
    });
  });

  it("is provable after restarts in between, too, and no proof is made from a changed beginning", async () => {
    const { directory, clock, journal, fill, open } = await world([signing()]);
    await fill(5);
    await clock.runUntil(journal.close());
    const second = await open();
    await fill(3, second);
    second.abandon();
    const third = await open();
    await fill(4, third);
    await clock.runUntil(third.close());
    const trimming = await openJournal(
      directory,
      { followers: [signing()], keep: { bytes: 16_000 }, segmentBytes: 3000 },
      nodeFiles,
      { clock },
    );
    await clock.advance(3_600_000);
    await clock.runUntil(trimming.close());
    const first = JSON.parse(journalLines(directory)[0] as string).seq;
    expect(first).toBeGreaterThan(20);
    expect(verifyInclusion(await proveInclusion({ directory, seq: first }), keys).ok).toBe(true);

    const [number] = checkpointFilesIn(directory);
    const path = join(directory, `${String(number).padStart(8, "0")}.checkpoints.jsonl`);
    const [stored] = storedIn(directory);
    stored.starts[0].peaks.reverse();
    const rest = readFileSync(path, "utf8").split("\n").slice(1).join("\n");
    writeFileSync(path, `${JSON.stringify(stored)}\n${rest}`);
    expect(await failure(proveInclusion({ directory, seq: first }))).toMatchObject({
      code: "ERR_CHECKPOINT_INCONSISTENT",
    });
  });
});

describe("files of checkpoints", () => {
  it("stay while a late witness's cosignature may still be shipped, and go by themselves afterwards", async () => {
    const sink = fakeSink();
    const { directory, clock, journal, fill } = await world([signing(), shipping({ sinks: [sink] })], {
      keep: { bytes: 1 },
    });
    await fill(6);
    await clock.advance(3_600_000);
    const [oldest = 0, ...more] = checkpointFilesIn(directory);
    expect(segmentsIn(directory)[0]).toBeGreaterThan(oldest);
    expect(more.length).toBeGreaterThan(0);
    sink.before = () => {
      throw new Error("down");
    };
    const name = `${String(oldest).padStart(8, "0")}.checkpoints.jsonl`;
    const cosigned = `${JSON.stringify({ ...storedIn(directory)[0], note: "cosigned" })}\n`;
    appendFileSync(join(directory, name), cosigned);
    const whole = readFileSync(join(directory, name));
    await clock.advance(2 * 3_600_000);
    expect(checkpointFilesIn(directory)[0]).toBe(oldest);
    sink.before = () => {};
    await fill(4);
    await clock.advance(3_600_000);
    expect(checkpointFilesIn(directory)[0]).toBeGreaterThan(oldest);
    expect(shippedFiles(sink).get(name)).toEqual(whole);
    await clock.runUntil(journal.close());
  });

  it("stay as far as a follower says, whatever is gone of the segments", async () => {
    const state = { through: 1 };
    const follower: JournalFollower = {
      start: () => ({ close: async () => {}, checkpointsThrough: () => state.through }),
    };
    const { directory, clock, fill } = await world([signing(), follower], { keep: { bytes: 1 } });
    await fill(6);
    const all = checkpointFilesIn(directory);
    expect(segmentsIn(directory)[0]).toBeGreaterThan(all[1] as number);
    state.through = all[1] as number;
    await clock.advance(3_600_000);
    expect(checkpointFilesIn(directory)).toEqual(all.filter((number) => number > state.through));
    state.through = 100;
    await clock.advance(3_600_000);
    expect(checkpointFilesIn(directory)[0]).toBeGreaterThanOrEqual(segmentsIn(directory)[0] as number);
  });

  it("that were written once more after their segment had gone, by a late witness, go at the next look", async () => {
    const { directory, clock, fill } = await world([signing()], { keep: { bytes: 1 } });
    await fill(6);
    const late = join(directory, "00000002.checkpoints.jsonl");
    expect(segmentsIn(directory)).not.toContain(2);
    writeFileSync(late, "{}\n");
    await clock.advance(3_600_000);
    expect(checkpointFilesIn(directory)).not.toContain(2);
  });

  it("keep the newest one where nobody signs any more; whoever signs again after lines are gone is told", async () => {
    const { directory, clock, journal, fill, open } = await world([signing()], { keep: { bytes: 1 } });
    await fill(3);
    await clock.runUntil(journal.close());
    const newest = checkpointFilesIn(directory).at(-1);
    const unsigned = await open([]);
    await fill(4, unsigned);
    await clock.runUntil(unsigned.close());
    expect(segmentsIn(directory)[0]).toBeGreaterThan(newest as number);
    expect(checkpointFilesIn(directory)).toEqual([newest]);

    const problems: Error[] = [];
    const again = await open([checkpoints({ key, onProblem: (error) => problems.push(error) })]);
    await clock.advance(600_000);
    await clock.runUntil(again.close());
    expect(problems).toMatchObject([{ code: "ERR_CHECKPOINT_UNSIGNED", retryable: false }]);
    expect(problems[0]?.message).toContain("in another directory");
    expect(noticesIn(directory)).toEqual(["checkpoint-refused ERR_CHECKPOINT_UNSIGNED"]);
  });
});
