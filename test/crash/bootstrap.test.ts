import { createHash, generateKeyPairSync, randomInt } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "provider-guard";
import { directoryStore } from "provider-guard/bootstrap";
import { fileState } from "provider-guard/file";
import { beforeAll, describe, expect, it } from "vitest";
import { bundle, startChild } from "../support/bundle.ts";
import { bootstrapVaultFor, dataOf, machineOf, managementCluster, request } from "./bootstrap-vault.ts";
import { moments } from "./moments.ts";

const kills = Math.ceil(moments / 4);
const program = new URL("bootstrap-provider.ts", import.meta.url);
const publicKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
  format: "pem",
  type: "spki",
}) as string;
const day = 86_400_000;

beforeAll(() => bundle(program), 120_000);

/** Everything that lies in the store's folder, drafts of items included. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, "items"), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.name.startsWith(".provider-guard")).map(({ name }) => name);
}

describe(`a vault whose process is killed at ${kills} random moments`, () => {
  it("gives the same user data again for what it had sealed, and leaves nothing once that has expired", async () => {
    const folder = await mkdtemp(join(tmpdir(), "crash-bootstrap-"));
    const state = fileState({ directory: join(folder, "state") });
    const inTwoHours = { ...systemClock, now: () => systemClock.now() + 2 * 3_600_000 };
    try {
      const now = bootstrapVaultFor(folder, state, publicKey);
      const later = bootstrapVaultFor(folder, state, publicKey, inTwoHours);
      await now.seal(request(machineOf("other"), dataOf("other"), day));
      const others = (await filesIn(folder)).length;
      let interrupted = 0;
      for (let round = 0; round < kills; round++) {
        const child = await startChild(program, [folder, String(round), publicKey]);
        await child.printed(randomInt(2, 12));
        await new Promise((resolve) => setTimeout(resolve, randomInt(0, 15)));
        child.process.kill("SIGKILL");
        expect(await child.ended).toBe("SIGKILL");

        const sealed = child.lines.map((line) => line.split(" ")).filter(([what]) => what === "sealed");
        const cleaned = new Set(
          child.lines.filter((line) => line.startsWith("cleaned")).map((line) => line.split(" ")[1]),
        );
        const [, name = "", digest] = sealed.findLast(([, one]) => Number(one?.split("-")[2]) % 2 === 0) ?? [];
        const again = await now.seal(request(machineOf(name), dataOf(name)));
        expect(createHash("sha256").update(again.userData).digest("hex")).toBe(digest);
        for (const one of cleaned) expect((await now.status(machineOf(one as string))).stage).toBe("cleaned");

        const store = directoryStore({ path: join(folder, "items") });
        let listed = 0;
        for await (const _ of store.list({ managementCluster })) listed++;
        interrupted += listed > others ? 1 : 0;
        expect((await later.sweep()).failures).toEqual([]);
        expect(await filesIn(folder)).toHaveLength(others);
      }
      expect(interrupted).toBe(kills); // there was something to sweep each time
    } finally {
      await state.close();
      await rm(folder, { recursive: true });
    }
  }, 600_000);
});
