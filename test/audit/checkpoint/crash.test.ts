import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generateKey } from "../../../src/audit/checkpoint/private-key.ts";
import { verifyCheckpoints } from "../../../src/audit/checkpoint/verify-checkpoints.ts";
import { verifyCheckpoint } from "../../../src/audit/checkpoint/verify-note.ts";
import { startChild } from "../../support/bundle.ts";
import { cleanup, temporaryDirectory } from "../support.ts";

const kills = 25;
const program = new URL("child.ts", import.meta.url);

describe("a process that writes and signs, and is killed", () => {
  it(`never signs two histories, ${kills} times in a row on one journal`, async () => {
    const directory = temporaryDirectory();
    const { privateKey, publicKey } = generateKey({ name: "audit.example.com/acme" });
    const path = join(temporaryDirectory(), "key");
    writeFileSync(path, privateKey, { mode: 0o400 });
    const roots = new Map<number, string>();
    let last = "";
    for (let round = 0; round < kills; round++) {
      const child = await startChild(program, [directory, path]);
      cleanup(() => child.process.kill("SIGKILL"));
      await child.printed(randomInt(0, 12));
      child.process.kill("SIGKILL");
      expect(await child.ended).toBe("SIGKILL");
      for (const line of child.lines) {
        const note: string = JSON.parse(line);
        const { ok, problem, size = 0, root = "" } = verifyCheckpoint(note, [publicKey]);
        expect(ok, `${note} ${problem}`).toBe(true);
        expect(roots.get(size) ?? root).toBe(root);
        roots.set(size, root);
        last = note;
      }
      // A torn last line is for the next process to cut; nothing is wrong with what was signed.
      if (last === "") continue;
      const found = await verifyCheckpoints({ directory, publicKeys: [publicKey], head: last });
      expect(found.status, JSON.stringify(found.problem)).not.toBe("tampered");
      expect(found.trees).toBeGreaterThanOrEqual(roots.size);
    }
    expect(roots.size).toBeGreaterThan(kills);
    const found = await verifyCheckpoints({ directory, publicKeys: [publicKey], head: last });
    expect(found.truncation).toBe("checked");
  }, 120_000);
});
