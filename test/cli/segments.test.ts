import { hash } from "node:crypto";
import { cpSync, rmSync } from "node:fs";
import { type FileJournalOptions, fileJournal } from "provider-guard";
import { checkpoints } from "provider-guard/audit";
import { simulatedClock } from "provider-guard/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newKey } from "../audit/checkpoint/support.ts";
import { AcmeError, acme, subject } from "../support/acme.ts";
import { folder, headOf, linesIn, parsed, removeFolders, rewrite, run, segmentOf } from "./support.ts";

const key = newKey();
const calls = 20;

/** A journal of several small segments; the answer to the very first create is lost. */
async function rotated(options: Partial<FileJournalOptions> = {}) {
  const directory = folder();
  const notes: string[] = [];
  const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 5, 8) });
  const follower = checkpoints({ key, everyRecords: 1, onCheckpoint: (note) => notes.push(note) });
  const audit = fileJournal({ directory, segmentBytes: 4096, followers: [follower], ...options });
  const { guard, client, raw } = await acme({ clock, audit });
  raw.answers.push(new AcmeError("socket hang up"));
  for (let i = 0; i < calls; i++) {
    const create = guard.reconcile(subject("prod", `m-${i}`), () => client.createServer({ name: `m-${i}` }));
    await clock.runUntil(create.catch(() => {}));
    await clock.advance(60_000);
  }
  await clock.runUntil(guard.close());
  return { directory, notes };
}

let whole: Awaited<ReturnType<typeof rotated>>;
beforeAll(async () => {
  whole = await rotated();
});
afterAll(removeFolders);

const copy = (): string => {
  const path = folder();
  cpSync(whole.directory, path, { recursive: true });
  return path;
};

describe("audit, with a journal of several segments", () => {
  it("verifies, tails, exports and reports all of them as one", async () => {
    const { directory } = whole;
    const head = await headOf(directory);
    const verified = await run("audit", "verify", directory, "--head", head, "--json");
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout).segments).toBeGreaterThan(3);
    const tail = await run("audit", "tail", directory, "-n", "100");
    expect([tail.code, tail.stderr, tail.stdout.match(/createServer/g)?.length]).toEqual([0, "", calls]);
    const lines = linesIn(directory).filter((line) => !line.includes('"type":"header"'));
    const jsonl = await run("audit", "export", directory, "--format", "jsonl");
    expect(parsed(jsonl.stdout).map(({ seq }) => seq)).toEqual(
      lines
        .map((line) => JSON.parse(line))
        .filter(({ type }) => !["end", "open"].includes(type))
        .map(({ seq }) => seq),
    );
    const report = await run("audit", "report", directory, "--head", head);
    expect(report.code).toBe(0);
    expect(report.stdout).toContain(`<dt>Changes</dt><dd>${calls}</dd>`);
    expect(report.stdout).toContain("1 intent without a clear outcome");
  });

  it("names the segment of a changed line, and every reader notices on its way", async () => {
    const path = copy();
    rewrite(path, (lines) => lines.with(2, (lines[2] as string).replace('"type"', '"tyke"')), 2);
    const { code, stdout } = await run("audit", "verify", path, "--json");
    expect([code, JSON.parse(stdout).problem.segment]).toEqual([1, 2]);
    for (const args of [
      ["tail", path, "-n", "1000"],
      ["export", path, "--format", "csv"],
      ["show", path, "5"],
    ]) {
      const read = await run("audit", ...args);
      expect([read.code, read.stderr]).toEqual([1, expect.stringContaining("damaged at segment 2")]);
    }
  });

  it("says so when a segment in the middle is gone", async () => {
    const path = copy();
    rmSync(segmentOf(path, 2));
    const { code, stdout } = await run("audit", "verify", path, "--allow-unpinned", "--json");
    expect([1, 3]).toContain(code);
    expect(JSON.parse(stdout).problem.expected).toBe("00000002.jsonl");
    const tail = await run("audit", "tail", path, "-n", "1000");
    expect([tail.code, tail.stderr]).toEqual([1, expect.stringContaining("A segment is missing")]);
  });

  it("exits 3 where the segment that should follow the last one is not there", async () => {
    const path = copy();
    const { segments } = JSON.parse((await run("audit", "verify", path, "--json")).stdout);
    rmSync(segmentOf(path, segments));
    const { code, stdout, stderr } = await run("audit", "verify", path, "--allow-unpinned", "--json");
    expect([code, stderr]).toEqual([3, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      status: "incomplete",
      problem: { segment: segments, actual: "nothing" },
    });
  });

  it("names the first lines that are not those that were signed, though the chain is whole", async () => {
    const { directory } = await rotated({ segmentBytes: 1024 * 1024 });
    const verify = () => run("audit", "verify", directory, "--allow-unpinned", "--json", "--key", key.publicKey);
    expect(JSON.parse((await verify()).stdout)).toMatchObject({ status: "ok", signed: { unsigned: 0 } });
    let prev = "A".repeat(43);
    rewrite(directory, (lines) =>
      lines.map((line) => {
        const next = line.replace('"name":"m-4"', '"name":"m-x"').replace(/"prev":"[\w-]{43}"/, `"prev":"${prev}"`);
        prev = hash("sha256", `\0${next}`, "base64url");
        return next;
      }),
    );
    expect((await run("audit", "verify", directory, "--allow-unpinned")).code).toBe(0);
    const { code, stdout } = await verify();
    const { status, head, problem, pinned } = JSON.parse(stdout);
    expect({ code, status, pinned }).toEqual({ code: 1, status: "tampered", pinned: false });
    expect(head?.seq ?? -1).toBeLessThan(problem.seq);
    expect(problem.what).toContain("Lines are not those that were signed");
    const changed = linesIn(directory).findIndex((line) => line.includes("m-x"));
    expect(changed).toBeGreaterThan(0);
    expect(problem.seq).toBeLessThanOrEqual(changed);
    expect(problem).toMatchObject({ segment: 1, offset: expect.any(Number) });
  });

  it("reads what retention has left: calls that began before are known, pinned checkpoints prove it", async () => {
    const { directory, notes } = await rotated({ keep: { bytes: 9_000 } });
    const unpinned = await run("audit", "verify", directory, "--json");
    expect(unpinned.code).toBe(3);
    expect(JSON.parse(unpinned.stdout).firstSegment).toBeGreaterThan(1);
    const pinned = await run("audit", "verify", directory, "--head", notes.at(-1) as string, "--key", key.publicKey);
    expect([pinned.code, pinned.stderr]).toEqual([0, ""]);
    expect(pinned.stdout).toMatch(/^ok: .* \(from segment \d+ on\)/);

    const tail = await run("audit", "tail", directory, "--result", "open");
    expect(tail.code).toBe(0);
    const report = await run("audit", "report", directory, "--allow-unpinned");
    expect(report.stdout).toContain("1 intent without a clear outcome");
    const [, lost] = /<td class="id">(\w{26})<\/td>/.exec(report.stdout) ?? [];
    const shown = await run("audit", "show", directory, lost as string);
    expect([shown.code, shown.stdout]).toEqual([
      0,
      expect.stringContaining("carried over from a segment that is gone"),
    ]);
  });
});
