import { randomInt } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyJournal } from "../../src/audit/verify.ts";
import { moments } from "../crash/moments.ts";
import type { Child } from "../support/child.ts";
import { mountSmallDisk } from "../support/small-disk.ts";
import { cleanup, openJournal, startChild, temporaryDirectory } from "./support.ts";

/** Rounds on one journal: it is verified after each, which takes longer as it grows. */
const roundsEach = 40;

/** Small enough for a kill to hit rotations often. */
const segmentBytes = 16 * 1024;

function intentsIn(directory: string): Set<string> {
  const segments = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  const lines = segments.flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n").slice(0, -1));
  const calls = lines.flatMap((line) => /"type":"intent","call":"([^"]+)"/.exec(line)?.[1] ?? []);
  return new Set(calls);
}

async function killAfter(child: Child, acknowledged: number, turns: number): Promise<void> {
  await child.printed(acknowledged);
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  child.process.kill("SIGKILL");
  expect(await child.ended).toBe("SIGKILL");
}

/** Opens what a kill left as the next process would, and checks it. */
async function recovers(directory: string): Promise<number> {
  const journal = await openJournal(directory, { segmentBytes });
  const open = journal.unfinished.length;
  await journal.close();
  const found = await verifyJournal({ directory });
  expect(found).toMatchObject({ status: "ok", unfinished: open });
  return found.segments;
}

describe("a writer that is killed at full speed", () => {
  it(`loses nothing that it acknowledged, at ${moments} moments, rotations among them`, async () => {
    let rotations = 0;
    for (let left = moments; left > 0; left -= roundsEach) {
      const directory = temporaryDirectory();
      const acknowledged = new Set<string>();
      for (let round = 0; round < Math.min(left, roundsEach); round++) {
        const child = await startChild(["write", directory, "1", String(segmentBytes)]);
        await killAfter(child, randomInt(0, 400), randomInt(0, 20));
        for (const call of child.lines) acknowledged.add(call);
        rotations = Math.max(rotations, await recovers(directory));
      }
      const intents = intentsIn(directory);
      expect([...acknowledged].filter((call) => !intents.has(call))).toEqual([]);
      expect(acknowledged.size).toBeGreaterThan(Math.min(left, roundsEach));
    }
    expect(rotations).toBeGreaterThan(5);
  }, 1_800_000);

  it("loses nothing on a file system that fills up, wherever in a rotation it does", async (test) => {
    const disk = mountSmallDisk("256k");
    if (disk === undefined) return test.skip("mounting a small file system is not allowed here");
    cleanup(() => disk.remove());
    const { directory } = disk;
    const filler = join(directory, "filler");
    let full = 0;
    for (let round = 0; round < Math.ceil(moments / 4); round++) {
      const audit = join(directory, `${round}`);
      writeFileSync(filler, Buffer.alloc(4096 * randomInt(32, 60)));
      const child = await startChild(["write", audit, "1", "8192"]);
      const enough = randomInt(1, 300); // about 300 fill what room is left
      const filled = child.printed(enough).then(() => false);
      const tired = new Promise<boolean>((resolve) => setTimeout(resolve, 600, true).unref());
      if (await Promise.race([filled, tired])) full++;
      await killAfter(child, 0, randomInt(0, 50));
      rmSync(filler);
      const acknowledged = child.lines;
      if (acknowledged.length > 0) {
        await recovers(audit);
        const intents = intentsIn(audit);
        expect(acknowledged.filter((call) => !intents.has(call))).toEqual([]);
      }
      rmSync(audit, { recursive: true, force: true });
    }
    expect(full).toBeGreaterThan(0);
  }, 1_800_000);
});
