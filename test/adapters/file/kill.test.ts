import { randomInt } from "node:crypto";
import { join } from "node:path";
import { type FileStateOptions, fileState } from "provider-guard/file";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { enter } from "../../../adapters/file/environment.ts";
import { bundle, startChild } from "../../support/bundle.ts";
import type { Child } from "../../support/child.ts";
import { temporaryDirectory } from "./temporary.ts";

const kills = process.env.REAL_SERVERS === "required" ? 200 : 30; // each takes a process its time to start
const program = new URL("worker.process.ts", import.meta.url);

function openStore(directory: string, options?: Partial<FileStateOptions>) {
  const store = fileState({ directory, ...options });
  onTestFinished(() => store.close());
  return store;
}

async function start(task: string, directory: string, ...rest: string[]): Promise<Child> {
  const child = await startChild(program, [task, directory, ...rest]);
  onTestFinished(() => void child.process.kill("SIGKILL"));
  return child;
}

/** Places that are taken in the table of readers. */
function readers(directory: string): number {
  const environment = enter(directory);
  onTestFinished(() => environment.release());
  return environment.read((database) => database.readerList().split("\n").length);
}

beforeAll(() => bundle(program), 120_000);

describe("the file state store among processes", () => {
  it.each([
    { who: "while another process has the folder open", survivor: true },
    { who: "with nobody else on the folder", survivor: false },
  ])(
    `keeps every acknowledged write of a process that is killed, ${kills / 2} times, $who`,
    async ({ survivor }) => {
      const directory = join(temporaryDirectory(), "state");
      const kept = survivor ? openStore(directory) : undefined;
      let counted = 0;
      for (let round = 0; round < kills / 2; round++) {
        const child = await start("write", directory);
        await child.printed(randomInt(1, 40));
        for (let turns = randomInt(0, 200); turns > 0; turns--) await new Promise(setImmediate);
        child.process.kill("SIGKILL");
        expect(await child.ended).toBe("SIGKILL");
        const said = child.lines.map(Number);
        expect(said).toEqual(said.map((_, index) => counted + index + 1));
        const acknowledged = said.at(-1) ?? counted;
        const store = kept ?? fileState({ directory });
        for (const value of said) {
          expect((await store.get(`written/${value}`))?.value).toBe("x".repeat(value % 5000));
        }
        // What it had handed over when it died is there, or is not, or appears with the next write.
        expect([acknowledged, acknowledged + 1]).toContain(Number((await store.get("n"))?.value ?? 0));
        const { value } = await store.increment("n", 1);
        expect([acknowledged + 1, acknowledged + 2]).toContain(value);
        expect((await store.get("n"))?.value).toBe(String(value));
        counted = value;
        if (!survivor) await store.close();
      }
      expect(counted).toBeGreaterThan(kills);
      expect(readers(directory)).toBeLessThan(10); // the dead have left their places
    },
    300_000,
  );

  it("counts exactly up to the bound where four processes and this one count at once", async () => {
    const directory = temporaryDirectory();
    const store = openStore(directory);
    const children = await Promise.all(Array.from({ length: 4 }, () => start("count", directory)));
    await Promise.all(children.map((child) => child.printed(1)));
    await store.put("go", "now");
    let applied = 0;
    while ((await store.increment("n", 1, { max: 2000 })).applied) applied++;
    await Promise.all(children.map((child) => child.printed(2)));
    const shares = children.map((child) => Number(child.lines[1]));
    expect(shares.reduce((sum, share) => sum + share, applied)).toBe(2000);
    expect((await store.get("n"))?.value).toBe("2000");
  }, 60_000);

  it("waits for a process that stops inside a transaction no longer than it may, and goes on when it is killed", async () => {
    const directory = temporaryDirectory();
    const store = openStore(directory, { timeoutMs: 200 });
    await store.put("a", "1");
    const child = await start("stop-inside", directory);
    await child.printed(1);
    await expect(store.increment("n", 1)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
    const controller = new AbortController();
    const aborted = store.increment("n", 1, { signal: controller.signal });
    controller.abort(new Error("gone"));
    await expect(aborted).rejects.toThrow("gone");
    expect((await store.get("a"))?.value).toBe("1");
    child.process.kill("SIGKILL");
    await child.ended;
    const second = openStore(directory);
    await second.put("a", "2");
    expect((await store.get("a"))?.value).toBe("2");
    expect(await store.get("half")).toBeUndefined();
    // The one that was given up after it had been handed over may have been written, the other may not.
    expect(["1", undefined]).toContain((await store.get("n"))?.value);
  });

  it("opens for a process after one was killed inside a transaction", async () => {
    const directory = temporaryDirectory();
    await openStore(directory).put("a", "1");
    const child = await start("stop-inside", directory);
    await child.printed(1);
    child.process.kill("SIGKILL");
    await child.ended;
    const next = await start("count", directory);
    await next.printed(1);
    await openStore(directory).put("go", "now");
    await next.printed(2);
    expect(next.lines).toEqual(["ready", "2000"]);
  });

  it("does not keep a process alive", async () => {
    const child = await start("end", temporaryDirectory());
    expect(await child.ended).toBe(0);
    expect(child.lines).toEqual(["written"]);
  });

  it("does not hold up a process that exits in the middle of a write", async () => {
    const directory = temporaryDirectory();
    const child = await start("exit", directory);
    expect(await child.ended).toBe(7);
    await openStore(directory).put("a", "2");
  });

  it("says what is wrong where containers share the folder and their processes have the same id", async (test) => {
    const directory = temporaryDirectory();
    const contained = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const first = await startChild(program, ["open", directory, "60000"], contained).catch(() => undefined);
    await first?.printed(1);
    if (first === undefined || first.lines[0] !== "opened") return test.skip("no process namespaces here");
    onTestFinished(() => void first.process.kill("SIGKILL"));
    const second = await startChild(program, ["open", directory, "0"], contained);
    expect(await second.ended).toBe(0);
    expect(second.lines[0]).toContain("has the same process id, 1;");
  });
});
