import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verifyJournal } from "../../src/audit/verify.ts";
import { openJournal, recordsOf, startChild, temporaryDirectory } from "./support.ts";

const kills = 40;

describe("a writer that is killed at full speed", () => {
  it(`loses nothing that it acknowledged, ${kills} times in a row on one journal`, async () => {
    const directory = temporaryDirectory();
    const acknowledged = new Set<string>();
    for (let round = 0; round < kills; round++) {
      const child = await startChild(["write", directory]);
      await child.printed(randomInt(0, 400));
      child.process.kill("SIGKILL");
      expect(await child.ended).toBe("SIGKILL");
      for (const call of child.lines) acknowledged.add(call);
      const journal = await openJournal(directory);
      const open = journal.unfinished.length;
      await journal.close();
      const found = await verifyJournal({ directory });
      expect(found).toMatchObject({ ok: true, unfinished: open });
    }
    const intents = new Set(recordsOf(directory).flatMap(({ type, call }) => (type === "intent" ? [call] : [])));
    expect([...acknowledged].filter((call) => !intents.has(call))).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(kills);
  }, 120_000);
});
