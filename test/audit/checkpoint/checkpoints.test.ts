import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkpoints } from "../../../src/audit/checkpoint/checkpoints.ts";
import { signer } from "../../../src/audit/checkpoint/keys.ts";
import { verifyCheckpoints } from "../../../src/audit/checkpoint/verify-checkpoints.ts";
import type { GuardError } from "../../../src/core/errors.ts";
import { simulatedClock } from "../../../src/testing/simulated-clock.ts";
import { failure, segmentPath, temporaryDirectory } from "../support.ts";
import { naiveLeaf, naiveRoot } from "./naive-merkle.ts";
import { journalLines, newKey, noticesIn, openSigned, record, sizesIn, storedIn } from "./support.ts";

describe("checkpoints", () => {
  it("are signed at the start, after so many records, after so long, even when idle, and at the end", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const key = newKey();
    const journal = await openSigned(directory, { key, everyRecords: 10, everyMs: 60_000 }, clock);
    await clock.advance(0);
    expect(sizesIn(directory)).toEqual([2]); // header and `opened`
    await record(journal, 9);
    await clock.advance(10);
    expect(sizesIn(directory)).toEqual([2]);
    await record(journal, 1);
    await clock.advance(10);
    expect(sizesIn(directory)).toEqual([2, 12]);
    await record(journal, 1);
    await clock.advance(59_000);
    expect(sizesIn(directory)).toEqual([2, 12]);
    await clock.advance(61_000);
    expect(sizesIn(directory)).toEqual([2, 12, 13, 13]);
    const times = storedIn(directory).map(({ note }) => Number(note.split("\n")[3].slice(5)));
    const start = times[0] as number;
    expect(times.map((time) => time - start)).toEqual([0, 0, 60, 120]);
    await record(journal, 1);
    await journal.close();
    expect(sizesIn(directory)).toEqual([2, 12, 13, 13, 14]);
    expect(noticesIn(directory)).toEqual([]);
  });

  it("name the journal, its lines, and the root that RFC 6962 gives them", async () => {
    const directory = temporaryDirectory();
    const key = newKey();
    const journal = await openSigned(directory, { key });
    await record(journal, 30);
    await journal.close();
    const lines = journalLines(directory);
    const chain = JSON.parse(lines[0] as string).chain;
    const root = naiveRoot(lines.map((line) => naiveLeaf(Buffer.from(line))));
    const note: string = storedIn(directory).at(-1)?.note;
    expect(note.split("\n").slice(0, 3)).toEqual([
      `audit.example.com/acme/${chain}`,
      String(lines.length),
      root.toString("base64"),
    ]);
  });

  it("go on over rotations, each beside the segment that its last line is in", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const key = newKey();
    const journal = await openSigned(directory, { key, everyRecords: 5 }, clock, { segmentBytes: 2048 });
    for (let round = 0; round < 10; round++) {
      await record(journal, 3);
      await clock.advance(10);
    }
    await journal.close();
    for (const { last } of storedIn(directory)) {
      const lines = readFileSync(join(directory, `0000000${last.segment}.jsonl`)).subarray(0, last.offset);
      expect(JSON.parse(lines.toString().split("\n").at(-2) as string).seq).toBe(last.seq);
    }
    const found = await verifyCheckpoints({ directory, publicKeys: [key.publicKey] });
    expect(found).toMatchObject({ status: "ok", unsigned: 0, size: journalLines(directory).length });
  });

  it("go on after a restart from where they stopped, without reading what was signed before", async () => {
    const directory = temporaryDirectory();
    const key = newKey();
    const first = await openSigned(directory, { key });
    await record(first, 20);
    await first.close();
    // Segment 1 is closed by then, so that what is in it shows whether it is read.
    const second = await openSigned(directory, { key }, simulatedClock(), { segmentBytes: 1024 });
    await record(second, 20);
    await second.close();
    renameSync(segmentPath(directory), join(directory, "elsewhere"));
    const problems: GuardError[] = [];
    const third = await openSigned(directory, { key, onProblem: (error) => problems.push(error) });
    await record(third, 20);
    await third.close();
    expect(problems).toEqual([]);
    renameSync(join(directory, "elsewhere"), segmentPath(directory));
    const found = await verifyCheckpoints({ directory, publicKeys: [key.publicKey] });
    expect(found).toMatchObject({ status: "ok", unsigned: 0, size: journalLines(directory).length });
  });

  it("go on after a crash that tore the last one", async () => {
    const directory = temporaryDirectory();
    const key = newKey();
    const first = await openSigned(directory, { key });
    await record(first, 3);
    await first.close();
    const path = join(directory, "00000001.checkpoints.jsonl");
    const whole = readFileSync(path);
    const before = sizesIn(directory);
    truncateSync(path, whole.length - 20);
    writeFileSync(path, "\0".repeat(5_000), { flag: "a" }); // longer than what is written over it
    const second = await openSigned(directory, { key });
    await record(second, 3);
    await second.close();
    expect(sizesIn(directory).slice(0, before.length - 1)).toEqual(before.slice(0, -1));
    expect(sizesIn(directory).at(-1)).toBe(journalLines(directory).length);
    expect(readFileSync(path).at(-1)).toBe(10);
    expect(await verifyCheckpoints({ directory, publicKeys: [key.publicKey] })).toMatchObject({ status: "ok" });
  });

  it("keep retention from removing what is not signed yet", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    let down = true;
    const local = newKey();
    const sign = (bytes: Uint8Array, signal: AbortSignal) =>
      down ? Promise.reject(new Error("down")) : local.sign(bytes, signal);
    const key = signer({ name: local.name, publicKey: local.publicKey, sign });
    const options = { segmentBytes: 1024, keep: { bytes: 1 } };
    const journal = await openSigned(directory, { key }, clock, options);
    await record(journal, 20);
    await clock.advance(500);
    expect(JSON.parse(journalLines(directory)[0] as string).seq).toBe(0);
    down = false;
    await clock.advance(200_000);
    await record(journal, 20, "d");
    await clock.advance(200_000);
    expect(JSON.parse(journalLines(directory)[0] as string).seq).toBeGreaterThan(10);
    await journal.close();
    const found = await verifyCheckpoints({ directory, publicKeys: [key.publicKey] });
    expect(found).toMatchObject({ status: "ok", unsigned: 0, truncation: "not checkable" });
  });
});

describe("a signer that fails", () => {
  it.each([
    ["throws", () => Promise.reject(new Error("access denied for key arn:secret"))],
    ["signs with another key", (bytes: Uint8Array, signal: AbortSignal) => newKey().sign(bytes, signal)],
    ["sends too little", async () => Buffer.alloc(63)],
    ["hangs", () => new Promise<never>(() => {})],
  ])("is tried again, with a notice, while the journal goes on: it %s", async (_, broken) => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const local = newKey();
    let sign: (bytes: Uint8Array, signal: AbortSignal) => Promise<Uint8Array> = broken;
    const key = signer({ name: local.name, publicKey: local.publicKey, sign: (...of) => sign(...of) });
    const problems: GuardError[] = [];
    const onProblem = (error: GuardError) => problems.push(error);
    const journal = await openSigned(directory, { key, everyMs: 1_000, signTimeoutMs: 500, onProblem }, clock);
    await clock.advance(20_000);
    await record(journal, 2);
    expect(storedIn(directory)).toEqual([]);
    expect(problems).toMatchObject([{ code: "ERR_CHECKPOINT_UNSIGNED", retryable: true }]);
    expect(problems[0]?.message).not.toContain("secret");
    sign = local.sign;
    await clock.advance(61_000);
    expect(storedIn(directory).length).toBeGreaterThan(0);
    await journal.close();
    expect(noticesIn(directory)[0]).toBe("checkpoint-failed ERR_CHECKPOINT_UNSIGNED");
    expect(noticesIn(directory)[1]).toMatch(/^checkpoint-recovered \d+$/);
    expect(noticesIn(directory)).toHaveLength(2);
  });

  it("is tried again even when whoever is told of it throws", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const local = newKey();
    let down = true;
    const sign: typeof local.sign = (...of) => (down ? Promise.reject(new Error("down")) : local.sign(...of));
    const thrower = () => {
      throw new Error("callback");
    };
    const key = signer({ name: local.name, publicKey: local.publicKey, sign });
    const journal = await openSigned(directory, { key, onProblem: thrower, onCheckpoint: thrower }, clock);
    await clock.advance(1_500);
    down = false;
    await clock.advance(120_000);
    await journal.close();
    expect(new Set(sizesIn(directory)).size).toBeGreaterThan(0);
    expect(noticesIn(directory).map((text) => text.split(" ")[0])).toEqual([
      "checkpoint-failed",
      "checkpoint-recovered",
    ]);
  });

  it("holds up closing no longer than it may take to sign", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const local = newKey();
    const sign = () => new Promise<never>(() => {});
    const key = signer({ name: local.name, publicKey: local.publicKey, sign });
    const journal = await openSigned(directory, { key, signTimeoutMs: 3_000 }, clock);
    await clock.runUntil(journal.close(), { maxMs: 3_001 });
  });
});

describe("a journal that is not the one that was signed", () => {
  async function signedOnce(key = newKey()) {
    const directory = temporaryDirectory();
    const journal = await openSigned(directory, { key });
    await record(journal, 10);
    await journal.close();
    return { directory, key };
  }

  /** Opens again, and returns what is complained of. */
  async function reopened(directory: string, options: Parameters<typeof checkpoints>[0]): Promise<GuardError[]> {
    const problems: GuardError[] = [];
    const clock = simulatedClock();
    const before = storedIn(directory).length;
    const journal = await openSigned(directory, { ...options, onProblem: (error) => problems.push(error) }, clock);
    await record(journal, 2, "again");
    await clock.advance(200_000);
    await journal.close();
    if (problems.length > 0) expect(storedIn(directory)).toHaveLength(before);
    return problems;
  }

  it("is not signed when it was written anew", async () => {
    const { directory, key } = await signedOnce();
    rmSync(segmentPath(directory));
    const other = await openSigned(directory, { key: newKey(), onProblem: () => {} });
    await record(other, 10);
    await other.close();
    const problems = await reopened(directory, { key });
    expect(problems).toMatchObject([{ code: "ERR_CHECKPOINT_INCONSISTENT", retryable: false }]);
    expect(problems[0]?.message).toContain("is not the one that a checkpoint was signed over");
    expect(noticesIn(directory)).toContain("checkpoint-refused ERR_CHECKPOINT_INCONSISTENT");
  });

  it("is not signed when lines that a checkpoint covers were cut off", async () => {
    const { directory, key } = await signedOnce();
    const lines = journalLines(directory);
    writeFileSync(segmentPath(directory), `${lines.slice(0, 5).join("\n")}\n`);
    const problems = await reopened(directory, { key });
    expect(problems[0]?.message).toMatch(/a checkpoint covers lines up to 11, and the journal ends after \d/);
  });

  it.each([
    // biome-ignore lint/suspicious/noExplicitAny: stored lines are plain JSON
    ["the frontier", (stored: any) => stored.peaks.reverse()],
    // biome-ignore lint/suspicious/noExplicitAny: stored lines are plain JSON
    ["the number of peaks", (stored: any) => stored.peaks.pop()],
    // biome-ignore lint/suspicious/noExplicitAny: stored lines are plain JSON
    ["the last line's hash", (stored: any) => (stored.last.hash = "A".repeat(43))],
    // biome-ignore lint/suspicious/noExplicitAny: stored lines are plain JSON
    ["the last line's number", (stored: any) => stored.last.seq--],
  ])("is not signed when %s that is stored with the checkpoint was changed", async (_, change) => {
    const { directory, key } = await signedOnce();
    const all = storedIn(directory);
    change(all.at(-1));
    const path = join(directory, "00000001.checkpoints.jsonl");
    writeFileSync(path, all.map((stored) => `${JSON.stringify(stored)}\n`).join(""));
    const problems = await reopened(directory, { key });
    expect(problems).toMatchObject([{ code: "ERR_CHECKPOINT_INCONSISTENT" }]);
    const found = await verifyCheckpoints({ directory, publicKeys: [key.publicKey] });
    expect(found).toMatchObject({ status: "tampered" });
    expect(found.problem?.what).toBe("What is stored with a checkpoint does not lead to its root.");
  });

  it("is not signed when a checkpoint's line is none", async () => {
    const { directory, key } = await signedOnce();
    const path = join(directory, "00000001.checkpoints.jsonl");
    writeFileSync(path, `{}\n${readFileSync(path, "utf8")}`);
    expect(await reopened(directory, { key })).toMatchObject([{ code: "ERR_AUDIT_CORRUPT" }]);
  });

  it("is not signed by a new key, unless that was told of the former one", async () => {
    const { directory, key: former } = await signedOnce();
    const key = newKey("audit.example.com/next");
    const problems = await reopened(directory, { key });
    expect(problems[0]?.message).toContain("name an earlier key in formerKeys");
    expect(await reopened(directory, { key, formerKeys: [former.publicKey] })).toEqual([]);
    const publicKeys = [key.publicKey, former.publicKey];
    expect(await verifyCheckpoints({ directory, publicKeys })).toMatchObject({ status: "ok", unsigned: 0 });
    expect(await verifyCheckpoints({ directory, publicKeys: [key.publicKey] })).toMatchObject({ status: "tampered" });
  });
});

describe("options", () => {
  it.each([
    [{}, "checkpoints.key"],
    [{ key: newKey(), everyMs: 0 }, "checkpoints.everyMs"],
    [{ key: newKey(), everyRecords: 0.5 }, "checkpoints.everyRecords"],
    [{ key: newKey(), origin: "else.example.com" }, "checkpoints.origin"],
    [{ key: newKey(), origin: "audit.example.com/acme/a b" }, "checkpoints.origin"],
    [{ key: newKey(), formerKeys: ["x"] }, "checkpoints.formerKeys[0]"],
    [{ key: newKey(), witnesses: [{}] }, "checkpoints.witnesses[0]"],
    [{ key: newKey(), every: 1 }, "checkpoints"],
  ])("are refused at once, with their path: %#", async (options, path) => {
    const error = await failure(() => checkpoints(options as never));
    expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) });
  });
});
