import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { IntentRecord, OutcomeRecord } from "../../src/index.ts";
import { begunCall } from "../../src/manual-operations/journal-call.ts";
import { journalIndex } from "../../src/manual-operations/journal-index.ts";
import { keptCalls } from "../../src/manual-operations/kept-calls.ts";
import { openJournal, segmentPath, temporaryDirectory } from "../audit/support.ts";
import { callRecords, minute, start } from "./support.ts";

const limits = { openMs: 15 * minute, reads: false, maxCalls: 1000 };

const linesIn = (directory: string): number =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => readFileSync(join(directory, name), "utf8").split("\n").length - 1)
    .reduce((sum, lines) => sum + lines, 0);

const span = (from: number, to: number) => ({ from: start + from * minute, to: start + to * minute });
const never = undefined;

/** A journal that is written on: ten calls a minute. */
async function growing(options: { segmentBytes?: number; input?: string } = {}) {
  const directory = temporaryDirectory();
  const { segmentBytes, input } = options;
  const journal = await openJournal(directory, { mode: "batch", ...(segmentBytes && { segmentBytes }) });
  async function write(from: number, to: number): Promise<void> {
    for (let tick = from * 10; tick < to * 10; tick++) {
      const at = start + tick * 6000;
      const records = callRecords({ at, requests: [`req-${tick}`], intent: { input: { input } } });
      for (const record of records) journal.enqueue(record);
      if (segmentBytes !== undefined) await journal.flush();
    }
    await journal.flush();
  }
  return { directory, write, close: () => journal.close() };
}

describe("following a journal", () => {
  it("reads each line once, however often it looks, and keeps only what can still match", async () => {
    const { directory, write } = await growing();
    const index = journalIndex({ ...limits, directories: [directory] });
    for (let hour = 0; hour < 10; hour++) {
      await write(hour * 60, hour * 60 + 60);
      await index.read(span(hour * 60 + 40, hour * 60 + 60), never);
      expect(index.calls.byCall.size).toBe(200);
      await index.read(span(hour * 60 + 40, hour * 60 + 60), never);
    }
    expect(index.linesRead).toBe(linesIn(directory));
  });

  it("goes on after a restart from a place that lies before what is needed, not from the beginning", async () => {
    const { directory, write } = await growing();
    await write(0, 600);
    const first = journalIndex({ ...limits, directories: [directory] });
    await first.read(span(580, 600), never);
    const places = JSON.parse(JSON.stringify(first.places()));
    await write(600, 620);
    const second = journalIndex({ ...limits, directories: [directory], places });
    const { completeTo, problem } = await second.read(span(580, 620), never);
    expect([completeTo, problem]).toEqual([Number.POSITIVE_INFINITY, undefined]);
    expect([...second.calls.byRequest.keys()].sort()).toEqual(
      Array.from({ length: 400 }, (_, n) => `req-${5800 + n}`).sort(),
    );
    expect(second.linesRead).toBeLessThan(3000); // of 12,400
  });

  it("follows from segment to segment, also when those it has read are removed", async () => {
    const { directory, write } = await growing({ segmentBytes: 1024 * 1024, input: "x".repeat(100_000) });
    const index = journalIndex({ ...limits, directories: [directory] });
    await write(0, 5);
    await index.read(span(0, 5), never);
    const read = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
    expect(read.length).toBeGreaterThan(3);
    for (const name of read.slice(0, -1)) rmSync(join(directory, name));
    await write(5, 10);
    const { completeFrom, completeTo } = await index.read(span(0, 10), never);
    expect([completeFrom, completeTo]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(index.calls.byCall.size).toBe(100);
  });

  it("says from when on it knows the calls where segments were removed before it read them", async () => {
    const { directory, write } = await growing({ segmentBytes: 1024 * 1024, input: "x".repeat(100_000) });
    const index = journalIndex({ ...limits, directories: [directory] });
    await write(0, 1);
    await index.read(span(0, 1), never);
    await write(1, 8);
    const old = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
    for (const name of old.slice(0, 4)) rmSync(join(directory, name));
    const { completeFrom } = await index.read(span(0, 8), never);
    expect(completeFrom).toBeGreaterThan(start + 2 * minute);
    expect(completeFrom).toBeLessThan(start + 5 * minute);
  });

  it("waits for the rest of a line that is being written", async () => {
    const { directory, write, close } = await growing();
    await write(0, 1);
    await close();
    const path = segmentPath(directory);
    const whole = readFileSync(path);
    const index = journalIndex({ ...limits, directories: [directory] });
    for (const bytes of [700, 701, 2000, 2001, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, bytes));
      expect(await index.read(span(0, 1), never)).toMatchObject({ completeTo: Number.POSITIVE_INFINITY });
    }
    writeFileSync(path, whole);
    await index.read(span(0, 1), never);
    expect([index.calls.byCall.size, index.linesRead]).toEqual([10, linesIn(directory)]);
  });

  it("begins anew where what it has read last was taken back, and counts nothing twice", async () => {
    const { directory, write, close } = await growing();
    await write(0, 1);
    await close();
    const path = segmentPath(directory);
    const lines = readFileSync(path, "utf8").split("\n");
    const index = journalIndex({ ...limits, directories: [directory] });
    await index.read(span(0, 1), never);
    writeFileSync(path, `${lines.slice(0, -3).join("\n")}\n`);
    const { completeTo } = await index.read(span(0, 1), never);
    expect([completeTo, index.calls.byCall.size]).toEqual([Number.POSITIVE_INFINITY, 10]);
  });

  it("knows nothing past a line that does not continue the chain, also when it looks again", async () => {
    const { directory, write, close } = await growing();
    await write(0, 2);
    await close();
    const path = segmentPath(directory);
    writeFileSync(path, readFileSync(path, "utf8").replace('"req-10"', '"req-xx"'));
    const index = journalIndex({ ...limits, directories: [directory] });
    for (let look = 0; look < 2; look++) {
      const { completeTo, problem } = await index.read(span(0, 2), never);
      expect(problem).toContain("does not verify");
      expect(completeTo).toBeLessThanOrEqual(start + minute + 1000);
    }
  });

  it("holds back what is more than may be kept, and comes back to it", async () => {
    const { directory, write } = await growing();
    await write(0, 10);
    const index = journalIndex({ ...limits, maxCalls: 40, directories: [directory] });
    const seen = new Set<string>();
    let from = 0;
    for (let look = 0; look < 4; look++) {
      const { completeTo } = await index.read(span(from, 10), never);
      expect(index.calls.byCall.size).toBeLessThanOrEqual(40);
      for (const id of index.calls.byRequest.keys()) seen.add(id);
      if (completeTo === Number.POSITIVE_INFINITY) break;
      from = (completeTo - start) / minute;
    }
    expect(seen.size).toBe(100);
  });
});

describe("a million calls", () => {
  it("leave no more behind than those on their way and those of the time that is looked at", () => {
    const calls = keptCalls(15 * minute);
    let most = 0;
    const [intent, outcome] = callRecords({ requests: ["r"] }) as [IntentRecord, OutcomeRecord];
    for (let n = 0; n < 1_000_000; n++) {
      const at = start + n * 100;
      const call = begunCall({ ...intent, call: `call-${n}`, at }, 0, n);
      calls.add(call);
      const lost = n % 1000 === 0; // an outcome that was dropped
      if (!lost)
        calls.end(call, { ...outcome, at: at + 50, attempts: [{ n: 1, requestId: `r-${n}`, result: "ok", ms: 1 }] });
      if (n % 3000 === 0) calls.forgetBefore(at - 17 * minute);
      if (n % 100_000 === 0) calls.abandon(0);
      most = Math.max(most, calls.byCall.size);
    }
    expect(most).toBeLessThan(15_000); // 10,200 in seventeen minutes, 3,000 between two looks
    expect(calls.byRequest.size).toBeLessThan(15_000);
  });
});
