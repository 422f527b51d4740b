import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readOptions, UsageError } from "../../examples/quickstart/options.ts";
import { progress, timeOf } from "../../examples/quickstart/progress.ts";
import { simulate } from "../../examples/quickstart/simulation.ts";
import { complaints, type Figures, summaryTable } from "../../examples/quickstart/summary.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quickstart-"));
});
afterAll(() => rm(directory, { recursive: true }));

/** Runs once and returns what was printed, too. */
async function run(seed: number, guarded: boolean, name: string): Promise<{ figures: Figures; printed: string }> {
  let printed = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      printed += String(chunk);
      done();
    },
  }) as unknown as NodeJS.WriteStream;
  const audit = guarded ? join(directory, `${name}-${seed}`) : undefined;
  const figures = await simulate({ seed, progress: progress(stream, false), audit, pace: undefined });
  return { figures, printed };
}

describe("quickstart on the simulator", () => {
  test.each([1, 7, 42, 4_294_967_295])(
    "seed %i: the bare run leaves a mess, the guarded one does not",
    async (seed) => {
      const bare = (await run(seed, false, "bare")).figures;
      const guarded = (await run(seed, true, "guarded")).figures;
      expect(complaints({ guarded })).toEqual([]);
      expect(bare.duplicates + bare.unowned).toBeGreaterThan(0);
      expect(bare.throttled).toBeGreaterThan(guarded.throttled);
      expect(guarded.resumed).toBeGreaterThan(0);
      expect(guarded.waits).toBeGreaterThan(0);
      expect([bare.machines, guarded.machines]).toEqual([12, 12]);
      expect(guarded.expired).toBe(0);
      expect(guarded.credentials).toBeGreaterThan(1);
    },
  );

  test("whatever the seed, the guarded run leaves no duplicate, nothing without an owner, and a log that verifies", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 4_294_967_295 }), async (seed) => {
        expect(complaints({ guarded: (await run(seed, true, "any")).figures })).toEqual([]);
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  test("repeats itself to the byte, crash and real audit log included", async () => {
    const first = await run(3, true, "first");
    const second = await run(3, true, "second");
    expect(second.printed).toBe(first.printed);
    expect(second.figures).toEqual(first.figures);
    expect(first.printed).toContain("the controller crashes");
    expect((await run(4, true, "other")).printed === first.printed).toBe(false);
  });

  test("writes no bootstrap data and no credential anywhere", async () => {
    const { printed } = await run(5, true, "canary");
    const log = await readFile(join(directory, "canary-5", "00000001.jsonl"), "utf8");
    expect(log).toContain("createMachine");
    for (const text of [printed, log]) {
      expect(text).not.toContain("cloud-config");
      expect(text).not.toContain("simulated-credential");
    }
  });
});

describe("quickstart's summary", () => {
  const figures: Figures = {
    calls: 1,
    throttled: 0,
    credentials: 1,
    expired: 0,
    machines: 1,
    duplicates: 0,
    unowned: 0,
    stuck: 0,
    audit: { records: 9, verified: true },
  };

  test("complains about everything that a guarded run must not leave", () => {
    expect(complaints({ guarded: figures })).toEqual([]);
    expect(complaints({ guarded: { ...figures, duplicates: 1 } })).toHaveLength(1);
    expect(complaints({ guarded: { ...figures, unowned: 1 } })).toHaveLength(1);
    expect(complaints({ guarded: { ...figures, stuck: 1 } })).toHaveLength(1);
    expect(complaints({ guarded: { ...figures, audit: { records: 9, verified: false } } })).toHaveLength(1);
    const { audit: _none, ...unaudited } = figures;
    expect(complaints({ guarded: unaudited })).toHaveLength(1);
  });

  test("has a dash where there is nothing to count", () => {
    const table = summaryTable({ bare: figures, guarded: { ...figures, waits: 3 } });
    expect(table).toMatch(/waits for the rate limit +- +3\n/);
    expect(table).toMatch(/^ +bare +guarded\n/);
    expect(timeOf(83_456)).toBe("01:23.4");
  });
});

describe("quickstart's command line", () => {
  test.each([
    [["--foo"], "--foo"],
    [["--seed", "x"], '--seed: expected a whole number from 0 to 4294967295, got "x"'],
    [["--seed", "4294967296"], "--seed"],
    [["--seed", "-1"], "--seed"],
    [["--cloud", "gcp"], "--cloud"],
    [["--cloud", "aws"], "--endpoint"],
    [["--endpoint", "http://localhost:1"], "--cloud aws"],
    [["--cloud", "aws", "--endpoint", "nope"], "--endpoint"],
    [["--out"], "--out"],
    [["--out="], "--out"],
    [["surplus"], "surplus"],
  ])("%j is refused in words", (args, words) => {
    expect(() => readOptions(args)).toThrow(UsageError);
    expect(() => readOptions(args)).toThrow(words);
  });

  test("reads what is right", () => {
    expect(readOptions([])).toMatchObject({ seed: 7, cloud: "simulator", json: false, help: false });
    expect(readOptions(["--seed=0", "--json", "--out", "x"])).toMatchObject({ seed: 0, json: true, out: "x" });
    expect(readOptions(["--cloud", "aws", "--endpoint", "http://127.0.0.1:5000"])).toMatchObject({ cloud: "aws" });
    expect(readOptions(["--cloud", "aws", "--help"]).help).toBe(true);
  });
});
