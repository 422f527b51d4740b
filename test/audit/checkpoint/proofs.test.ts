import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { proveConsistency, verifyConsistency } from "../../../src/audit/checkpoint/consistency.ts";
import { proveInclusion, verifyInclusion } from "../../../src/audit/checkpoint/inclusion.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { simulatedClock } from "../../../src/testing/simulated-clock.ts";
import { failure, segmentPath, temporaryDirectory } from "../support.ts";
import { mutate } from "./mutate.ts";
import { naiveLeaf, naivePath, naiveProof } from "./naive-merkle.ts";
import { journalLines, newKey, openSigned, record, sizesIn, storedIn } from "./support.ts";

const key = newKey();
const keys = [key.publicKey];

/** A journal of several segments with a checkpoint every few lines, closed. */
async function signedJournal(lines = 40): Promise<string> {
  const directory = temporaryDirectory();
  const clock = simulatedClock();
  const journal = await openSigned(directory, { key, everyRecords: 7 }, clock, { segmentBytes: 4096 });
  for (let at = 0; at < lines; at += 4) {
    await record(journal, 4, `c${at}.`);
    await clock.advance(10);
  }
  await journal.close();
  return directory;
}

describe("a proof of inclusion", () => {
  it("shows each line of a journal to somebody who does not have it", async () => {
    const directory = await signedJournal();
    const lines = journalLines(directory);
    const leaves = lines.map((line) => naiveLeaf(Buffer.from(line)));
    for (const [seq, line] of lines.entries()) {
      const proof = await proveInclusion({ directory, seq });
      const { origin } = JSON.parse(JSON.stringify(verifyInclusion(proof, keys)));
      expect(verifyInclusion(proof, keys)).toEqual({
        ok: true,
        line,
        seq,
        origin,
        size: lines.length,
        time: expect.any(Number),
        cosignedBy: [],
      });
      const path = naivePath(seq, leaves).map((hash) => hash.toString("base64"));
      const expected = ["c2sp.org/tlog-proof@v1", `extra ${Buffer.from(line).toString("base64")}`, `index ${seq}`];
      expect(proof.slice(0, proof.indexOf("\n\n")).split("\n")).toEqual([...expected, ...path]);
    }
  });

  it("finds a call's first line", async () => {
    const directory = await signedJournal();
    const proof = await proveInclusion({ directory, call: "c8.2" });
    expect(JSON.parse(verifyInclusion(proof, keys).line as string)).toMatchObject({ type: "intent", call: "c8.2" });
    const error = await failure(proveInclusion({ directory, call: "c8" }));
    expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining("no call c8") });
  });

  it("is possible while the journal is written, for what is signed by then", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const journal = await openSigned(directory, { key, everyMs: 10_000 }, clock);
    await clock.advance(0);
    await record(journal, 5);
    const early = await failure(proveInclusion({ directory, seq: 4 }));
    expect(early.message).toContain("checkpoints cover 2 lines, and not yet line 4");
    await clock.advance(10_001);
    expect(verifyInclusion(await proveInclusion({ directory, seq: 4 }), keys).ok).toBe(true);
  });

  it("needs no older segments than the line's checkpoint before", async () => {
    const directory = await signedJournal(80);
    rmSync(segmentPath(directory));
    const last = journalLines(directory).length;
    const { seq } = JSON.parse(journalLines(directory)[last - 5] as string);
    expect(verifyInclusion(await proveInclusion({ directory, seq }), keys)).toMatchObject({ ok: true, seq });
    expect(await failure(proveInclusion({ directory, seq: 0 }))).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
  });

  it("is not made for a journal that was changed", async () => {
    const directory = await signedJournal(4);
    const text = journalLines(directory);
    writeFileSync(segmentPath(directory), `${text.join("\n").replace("c0.1", "c0.9")}\n`);
    expect(await failure(proveInclusion({ directory, seq: 1 }))).toMatchObject({ code: "ERR_CHECKPOINT_INCONSISTENT" });
  });

  it("is refused with another key, and says so", async () => {
    const directory = await signedJournal(4);
    const { ok, problem } = verifyInclusion(await proveInclusion({ directory, seq: 1 }), [newKey().publicKey]);
    expect(ok).toBe(false);
    expect(problem).toContain("signed by none of the given keys");
    expect(await failure(() => verifyInclusion("", []))).toMatchObject({ code: "ERR_CONFIG_INVALID" });
  });

  it("verifies after none of 2,000 random changes", async () => {
    const directory = await signedJournal();
    const proof = Buffer.from(await proveInclusion({ directory, seq: 17 }));
    const random = seededRandom(7);
    for (let round = 0; round < 2_000; round++) {
      const changed = mutate(proof, random);
      if (!changed.equals(proof)) expect(verifyInclusion(changed.toString(), keys).ok).toBe(false);
    }
  });
});

describe("a proof of consistency", () => {
  it("shows that each checkpoint's tree is the beginning of each later one's", async () => {
    const directory = await signedJournal();
    const leaves = journalLines(directory).map((line) => naiveLeaf(Buffer.from(line)));
    const notes: string[] = storedIn(directory).map(({ note }) => note);
    const sizes = sizesIn(directory);
    expect(new Set(sizes).size).toBeGreaterThan(5);
    for (const [older, from] of sizes.entries()) {
      for (const to of sizes.slice(older)) {
        const proof = await proveConsistency({ directory, from, to });
        expect(verifyConsistency(proof, notes[older] as string, keys)).toMatchObject({ ok: true, from, to });
        const path = naiveProof(from, leaves.slice(0, to)).map((hash) => hash.toString("base64"));
        expect(proof.slice(0, proof.indexOf("\n\n")).split("\n")).toEqual([`old ${from}`, ...path]);
      }
    }
  });

  it("does not show it of another journal, another size or a later one", async () => {
    const [directory, other] = [await signedJournal(), await signedJournal()];
    const [older] = storedIn(directory);
    const [foreign] = storedIn(other);
    const from = sizesIn(directory)[0] as number;
    const proof = await proveConsistency({ directory, from });
    expect(verifyConsistency(proof, foreign.note, keys).problem).toContain("one checkpoint is of");
    expect(verifyConsistency(proof, storedIn(directory).at(-1).note, keys).problem).toContain("it starts from");
    expect(verifyConsistency(proof.replace(`old ${from}`, `old ${from + 1}`), older.note, keys).ok).toBe(false);
    const error = await failure(proveConsistency({ directory, from: 1_000 }));
    expect(error.message).toContain("proveConsistency.from: checkpoints cover");
  });

  it("verifies after none of 2,000 random changes", async () => {
    const directory = await signedJournal();
    const older: string = storedIn(directory)[2].note;
    const proof = Buffer.from(await proveConsistency({ directory, from: sizesIn(directory)[2] as number }));
    const random = seededRandom(9);
    for (let round = 0; round < 2_000; round++) {
      const changed = mutate(proof, random);
      if (!changed.equals(proof)) expect(verifyConsistency(changed.toString(), older, keys).ok).toBe(false);
    }
  });
});
