import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { controllersDay, folder, headOf, linesIn, removeFolders, rewrite, run, segmentOf } from "./support.ts";

let original: string;
let directory: string;
let head: string;

beforeAll(async () => {
  original = folder();
  await controllersDay(original);
  head = await headOf(original);
});
beforeEach(() => {
  directory = folder();
  cpSync(original, directory, { recursive: true });
});
afterAll(removeFolders);

const offsetOf = (seq: number): number =>
  linesIn(original)
    .slice(0, seq)
    .reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);

describe("audit verify", () => {
  it("exits 0 for a journal that holds the pinned line, and prints what to pin next time", async () => {
    const { code, stdout, stderr } = await run("audit", "verify", directory, "--head", head);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stderr: "",
      stdout: `ok: 20 records in 1 segment read, 7 intents, 7 outcomes, 1 unfinished\nhead ${head} (keep it elsewhere and pin it next time)\n`,
    });
  });

  it("prints one JSON object for programs", async () => {
    const { code, stdout } = await run("audit", "verify", directory, "--head", head, "--json");
    expect(code).toBe(0);
    const [seq, hash] = head.split(":");
    expect(JSON.parse(stdout)).toEqual({
      status: "ok",
      pinned: true,
      records: 20,
      segments: 1,
      firstSegment: 1,
      head: { seq: Number(seq), hash },
      intents: 7,
      outcomes: 7,
      unfinished: 1,
    });
  });

  it("exits 3 without a pin, since the end may have been cut off, and 0 where that is accepted", async () => {
    const unpinned = await run("audit", "verify", directory);
    expect(unpinned.code).toBe(3);
    expect(unpinned.stdout).toContain("Truncation not checkable");
    expect(JSON.parse((await run("audit", "verify", directory, "--json")).stdout)).toMatchObject({
      status: "incomplete",
      pinned: false,
      note: expect.stringContaining("Truncation not checkable"),
    });
    expect((await run("audit", "verify", directory, "--allow-unpinned")).code).toBe(0);
  });

  it("exits 3 where there is no journal yet, and 2 where there is no directory", async () => {
    expect((await run("audit", "verify", folder(), "--allow-unpinned")).code).toBe(3);
    const missing = await run("audit", "verify", join(directory, "nothing"));
    expect({ ...missing, stderr: missing.stderr.split("\n").length }).toEqual({ code: 2, stdout: "", stderr: 2 });
    expect(missing.stderr).toContain("no such file or directory");
  });

  it.each<[string, (lines: string[]) => string[], number]>([
    ["a changed line", (l) => l.with(4, (l[4] as string).replace("createServer", "deleteServer")), 5],
    ["a removed line", (l) => l.toSpliced(7, 1), 7],
    ["a repeated line", (l) => l.toSpliced(7, 0, l[7] as string), 8],
    ["swapped lines", (l) => l.toSpliced(7, 2, l[8] as string, l[7] as string), 7],
    ["a line that is none", (l) => l.toSpliced(9, 1, '{"seq":"9"}'), 9],
    ["a first line that is gone", (l) => l.slice(1), 0],
  ])("exits 1 for %s, and names segment, seq, byte offset, expected and actual", async (_, change, seq) => {
    rewrite(directory, change);
    const { code, stdout } = await run("audit", "verify", directory, "--json");
    expect(code).toBe(1);
    const { status, problem } = JSON.parse(stdout);
    expect(status).toBe("tampered");
    expect(problem).toEqual({
      segment: 1,
      seq,
      offset: offsetOf(seq),
      expected: expect.any(String),
      actual: expect.any(String),
      what: expect.any(String),
    });
    const human = await run("audit", "verify", directory, "--head", head);
    expect(human.code).toBe(1);
    expect(human.stdout).toContain(`byte ${offsetOf(seq)}, seq ${seq}`);
    expect(human.stdout).toContain(problem.expected);
  });

  it("exits 1 for lines cut off the end, once the head is pinned; unpinned it cannot know", async () => {
    rewrite(directory, (lines) => lines.slice(0, -2));
    expect((await run("audit", "verify", directory, "--allow-unpinned")).code).toBe(0);
    expect((await run("audit", "verify", directory, "--head", head)).code).toBe(1);
  });

  it("exits 1 for a journal written anew, once the head is pinned", async () => {
    const other = folder();
    await controllersDay(other, true);
    copyFileSync(segmentOf(other), segmentOf(directory));
    expect((await run("audit", "verify", directory, "--allow-unpinned")).code).toBe(0);
    expect((await run("audit", "verify", directory, "--head", head)).code).toBe(1);
  });

  it("exits 3 for an end as a crash leaves it", async () => {
    truncateSync(segmentOf(directory), readFileSync(segmentOf(directory)).length - 10);
    const { code, stdout } = await run("audit", "verify", directory, "--allow-unpinned", "--json");
    expect([code, JSON.parse(stdout).problem.seq]).toEqual([3, 20]);
  });

  it("exits 2 for a journal of a newer version, and says so", async () => {
    rewrite(directory, (lines) => lines.with(0, (lines[0] as string).replace('"version":1', '"version":2')));
    const { code, stderr } = await run("audit", "verify", directory);
    expect(code).toBe(2);
    expect(stderr).toContain("has format 2");
  });

  it("names the hostile content of a line without letting it act on the terminal", async () => {
    rewrite(directory, (lines) => lines.toSpliced(3, 1, '\u001b[31m\u202e{"seq":3}'));
    const { code, stdout } = await run("audit", "verify", directory);
    expect(code).toBe(1);
    expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it("shows progress on standard error where that is asked for", async () => {
    const { stdout, stderr } = await run("audit", "verify", directory, "--progress");
    expect(stderr).toBe("verified 1 line\n");
    expect(stdout).not.toContain("verified");
  });

  it("refuses a head that is none", async () => {
    for (const wrong of ["5", "x:y", "5:short", ""]) {
      const { code, stderr } = await run("audit", "verify", directory, "--head", wrong);
      expect([wrong, code]).toEqual([wrong, 2]);
      expect(stderr).toMatch(/^provider-guard audit verify: --head: expected .*\n$/);
    }
  });

  it("verifies an empty directory and an empty segment as no whole journal", async () => {
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    writeFileSync(segmentOf(directory), "");
    expect([1, 3]).toContain((await run("audit", "verify", directory, "--allow-unpinned")).code);
  });
});
