import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lockDirectory } from "../../src/audit/writer-lock.ts";
import { GuardError } from "../../src/core/errors.ts";
import { cleanup, failure, openJournal, startChild, temporaryDirectory, turns } from "./support.ts";

async function lock(directory: string) {
  const held = await lockDirectory(directory);
  cleanup(() => held.release());
  return held;
}

describe("the lock of a journal's directory", () => {
  it("lets a second writer of the same process in only after the first has let go", async () => {
    const directory = temporaryDirectory();
    const held = await lock(directory);
    const error = await failure(lock(directory));
    expect(error.code).toBe("ERR_AUDIT_LOCKED");
    expect(error.message).toContain(directory);
    held.release();
    held.release();
    await lock(directory);
  });

  it("survives a second writer's attempt", async () => {
    const directory = temporaryDirectory();
    await lock(directory);
    await failure(lock(directory));
    expect((await failure(lock(directory))).code).toBe("ERR_AUDIT_LOCKED");
  });

  it("is held by a living process, and free once it is killed", async () => {
    const directory = temporaryDirectory();
    const child = await startChild(["hold", directory]);
    await child.printed(1);
    expect(child.lines).toEqual(["held"]);
    expect((await failure(openJournal(directory))).code).toBe("ERR_AUDIT_LOCKED");
    child.process.kill("SIGSTOP");
    expect((await failure(openJournal(directory))).code).toBe("ERR_AUDIT_LOCKED");
    child.process.kill("SIGKILL");
    await child.ended;
    await openJournal(directory);
    expect(readdirSync(directory).filter((name) => name.startsWith("lock."))).toHaveLength(1);
  });

  it("has one holder at a time, and always one, when 20 start at once", async () => {
    const directory = temporaryDirectory();
    for (let round = 0; round < 10; round++) {
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory)));
      const held = results.filter((result) => result.status === "fulfilled");
      expect(held).toHaveLength(1);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toBeInstanceOf(GuardError);
        else result.value.release();
      }
    }
    await turns();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("has one holder at a time among processes that take it again and again", async () => {
    const directory = temporaryDirectory();
    const children = await Promise.all(Array.from({ length: 4 }, () => startChild(["contend", directory, "5"])));
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
  }, 60_000);

  it("works where the path is too long for a socket", async () => {
    const directory = join(temporaryDirectory(), "d".repeat(120), "e".repeat(120));
    const first = await openJournal(directory);
    expect((await failure(openJournal(directory))).code).toBe("ERR_AUDIT_LOCKED");
    await first.close();
    await openJournal(directory);
  });

  it("clears away what dead writers left, and nothing else", async () => {
    const directory = temporaryDirectory();
    for (const name of ["lock.dead.sock", "lock.dead.new", "lock.txt", "notes"])
      writeFileSync(join(directory, name), "");
    const held = await lock(directory);
    held.release();
    expect(readdirSync(directory).sort()).toEqual(["lock.txt", "notes"]);
  });
});
