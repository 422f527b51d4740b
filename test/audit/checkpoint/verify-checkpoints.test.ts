import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatTreeHead } from "../../../src/audit/checkpoint/checkpoint-note.ts";
import type { CheckpointKey } from "../../../src/audit/checkpoint/keys.ts";
import { signatureLineOf } from "../../../src/audit/checkpoint/note.ts";
import { verifyCheckpoints } from "../../../src/audit/checkpoint/verify-checkpoints.ts";
import { verifyJournal } from "../../../src/audit/verify.ts";
import { simulatedClock } from "../../../src/testing/simulated-clock.ts";
import { failure, temporaryDirectory } from "../support.ts";
import { naiveLeaf, naiveRoot } from "./naive-merkle.ts";
import { journalLines, newKey, openSigned, record, sizesIn, storedIn } from "./support.ts";

const key = newKey();
const publicKeys = [key.publicKey];

async function signedJournal(segmentBytes = 1024 * 1024) {
  const directory = temporaryDirectory();
  const clock = simulatedClock();
  const journal = await openSigned(directory, { key, everyRecords: 10 }, clock, { segmentBytes });
  for (let round = 0; round < 5; round++) {
    await record(journal, 10, `r${round}.`);
    await clock.advance(10);
  }
  await journal.close();
  const head: string = storedIn(directory).at(-1).note;
  return { directory, head };
}

const segmentPaths = (directory: string) =>
  readdirSync(directory)
    .filter((name) => /^\d{8}\.jsonl$/.test(name))
    .sort()
    .map((name) => join(directory, name));

/** Writes a journal of one segment anew, with a whole chain, after changing its lines. */
function rewrite(directory: string, change: (lines: string[]) => string[]): void {
  const [path = ""] = segmentPaths(directory);
  const lines = change(readFileSync(path, "utf8").split("\n").slice(0, -1));
  let prev = "A".repeat(43);
  const chained = lines.map((line, seq) => {
    const next = line.replace(/^\{"seq":\d+,"prev":"[\w-]{43}"/, `{"seq":${seq},"prev":"${prev}"`);
    prev = naiveLeaf(Buffer.from(next)).toString("base64url");
    return next;
  });
  writeFileSync(path, `${chained.join("\n")}\n`);
}

async function sign(size: number, root: Buffer, origin: string, by: CheckpointKey = key): Promise<string> {
  const text = formatTreeHead({ origin, size, root, time: 1 });
  const signature = await by.sign(Buffer.from(text), new AbortController().signal);
  return `${text}\n${signatureLineOf(by.name, by.publicKey.split("+")[1] as string, signature)}`;
}

describe("a journal and its checkpoints", () => {
  it("hold, and what is not signed yet is counted", async () => {
    const { directory, head } = await signedJournal();
    const size = journalLines(directory).length;
    const found = await verifyCheckpoints({ directory, publicKeys });
    const trees = new Set(sizesIn(directory)).size;
    expect(found).toMatchObject({ ok: true, status: "ok", trees, size, unsigned: 0, truncation: "not checkable" });
    expect(await verifyCheckpoints({ directory, publicKeys, head })).toMatchObject({ ok: true, truncation: "checked" });
    const [path = ""] = segmentPaths(directory);
    const last = journalLines(directory).at(-1) as string;
    const prev = naiveLeaf(Buffer.from(last)).toString("base64url");
    const more = `{"seq":${size},"prev":"${prev}","type":"notice","at":1,"event":"x"}`;
    writeFileSync(path, `${more}\n`, { flag: "a" });
    expect(await verifyCheckpoints({ directory, publicKeys })).toMatchObject({ ok: true, size, unsigned: 1 });
  });

  it("do not hold where a line was changed, and the place is narrowed down although the chain is whole", async () => {
    const { directory } = await signedJournal();
    rewrite(directory, (lines) => lines.map((line) => line.replace("r3.4", "r3.x")));
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
    const { status, problem } = await verifyCheckpoints({ directory, publicKeys });
    const changed = journalLines(directory).findIndex((line) => line.includes("r3.x"));
    expect(status).toBe("tampered");
    const [, from, to] = /between seq (\d+) and (\d+)/.exec(problem?.what ?? "") ?? [];
    expect(Number(from)).toBe(problem?.seq);
    expect(Number(from)).toBeLessThanOrEqual(changed);
    expect(Number(to)).toBeGreaterThanOrEqual(changed);
    expect(Number(to) - Number(from)).toBeLessThanOrEqual(10);
    const bytes = readFileSync(segmentPaths(directory)[0] as string).subarray(problem?.offset);
    expect(JSON.parse(bytes.toString().split("\n")[0] as string).seq).toBe(problem?.seq);
    expect(problem?.expected).toMatch(/^root .{44} over \d+ lines$/);
  });

  it("tell where the chain breaks, when it does", async () => {
    const { directory } = await signedJournal();
    const [path = ""] = segmentPaths(directory);
    writeFileSync(path, readFileSync(path, "utf8").replace("r3.4", "r3.x"));
    const changed = journalLines(directory).findIndex((line) => line.includes("r3.x"));
    const { status, problem } = await verifyCheckpoints({ directory, publicKeys });
    expect(status).toBe("tampered");
    expect(problem).toMatchObject({ segment: 1, seq: changed + 1 });
  });

  it("do not hold when signed lines were cut off, though their checkpoints are left", async () => {
    const { directory } = await signedJournal();
    rewrite(directory, (lines) => lines.slice(0, -3));
    const { status, problem } = await verifyCheckpoints({ directory, publicKeys });
    expect(status).toBe("tampered");
    expect(problem?.what).toBe("Lines that a checkpoint covers were cut off the end.");
  });

  it("hold without a pinned one when lines and checkpoints were cut off together, and not with it", async () => {
    const { directory, head } = await signedJournal();
    const kept = storedIn(directory).slice(0, 3);
    const lines = kept.map((stored) => `${JSON.stringify(stored)}\n`);
    writeFileSync(join(directory, "00000001.checkpoints.jsonl"), lines.join(""));
    rewrite(directory, (all) => all.slice(0, sizesIn(directory)[2]));
    const found = await verifyCheckpoints({ directory, publicKeys });
    expect(found).toMatchObject({ ok: true, truncation: "not checkable" });
    const pinned = await verifyCheckpoints({ directory, publicKeys, head });
    expect(pinned).toMatchObject({ status: "tampered", truncation: "checked" });
  });

  it("do not hold against a pinned tree of another history", async () => {
    const { directory, head } = await signedJournal();
    const size = Number(head.split("\n")[1]);
    const forged = await sign(size - 1, naiveRoot([naiveLeaf(Buffer.from("x"))]), head.split("\n")[0] as string);
    const { status, problem } = await verifyCheckpoints({ directory, publicKeys, head: forged });
    expect(status).toBe("tampered");
    expect(problem?.what).toContain("Lines are not those that were signed");
    const twice = await sign(size, naiveRoot([naiveLeaf(Buffer.from("x"))]), head.split("\n")[0] as string);
    const found = await verifyCheckpoints({ directory, publicKeys, head: twice });
    expect(found.problem?.what).toBe(`Two trees of ${size} lines were signed.`);
    const foreign = await sign(size, naiveRoot([]), newKey("x").name, newKey("x"));
    const error = await failure(verifyCheckpoints({ directory, publicKeys, head: foreign }));
    expect(error.code).toBe("ERR_CHECKPOINT_INVALID");
  });

  it("do not hold where the journal was signed anew with another key", async () => {
    const { directory } = await signedJournal();
    const all = storedIn(directory);
    const other = newKey(key.name);
    const lines = await Promise.all(
      all.map(async (stored) => {
        const [origin = "", size = "", root = ""] = stored.note.split("\n");
        const note = await sign(Number(size), Buffer.from(root, "base64"), origin, other);
        return `${JSON.stringify({ ...stored, note })}\n`;
      }),
    );
    writeFileSync(join(directory, "00000001.checkpoints.jsonl"), lines.join(""));
    const { status, problem } = await verifyCheckpoints({ directory, publicKeys });
    expect(status).toBe("tampered");
    expect(problem?.what).toContain("A checkpoint does not verify");
  });

  it("are incomplete without checkpoints, without a journal, and with a torn last line", async () => {
    const { directory } = await signedJournal();
    const [path = ""] = segmentPaths(directory);
    writeFileSync(path, '{"seq":', { flag: "a" });
    expect(await verifyCheckpoints({ directory, publicKeys })).toMatchObject({ status: "incomplete" });
    rmSync(join(directory, "00000001.checkpoints.jsonl"));
    writeFileSync(path, readFileSync(path, "utf8").replace(/\{"seq":$/, ""));
    const found = await verifyCheckpoints({ directory, publicKeys });
    expect(found).toMatchObject({ status: "incomplete", trees: 0 });
    expect(found.problem?.what).toContain("No checkpoint covers any line");
    const empty = await verifyCheckpoints({ directory: temporaryDirectory(), publicKeys });
    expect(empty).toMatchObject({ status: "incomplete" });
  });

  it("hold from the first signed line on where older segments are gone", async () => {
    const { directory, head } = await signedJournal(4096);
    const paths = segmentPaths(directory);
    expect(paths.length).toBeGreaterThan(3);
    for (const path of paths.slice(0, 2)) rmSync(path);
    const found = await verifyCheckpoints({ directory, publicKeys, head });
    expect(found).toMatchObject({ status: "ok", truncation: "checked", unsigned: 0 });
    const early = await verifyCheckpoints({ directory, publicKeys, head: storedIn(directory)[0].note });
    expect(early).toMatchObject({ status: "ok", truncation: "not checkable" });
    const last = segmentPaths(directory).at(-1) as string;
    writeFileSync(last, readFileSync(last, "utf8").replace(/r4\.\d/, "r4.x"));
    expect(await verifyCheckpoints({ directory, publicKeys })).toMatchObject({ status: "tampered" });
  });
});
