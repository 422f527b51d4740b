import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { canary, sampleScript, sealFor, stagedIn } from "./bootstrap-opener/sealed.ts";

describeOpener("an opener that is killed", (shell) => {
  let machine: TestMachine;
  beforeEach(() => {
    machine = testMachine(shell);
  });
  afterEach(() => machine.remove());

  async function install(body = "") {
    const { sealed, wrap } = await sealFor(machine.folder, sampleScript(machine.folder, body), { maxItemBytes: 1024 });
    const { opener: program, ...staged } = stagedIn(machine.folder, { sealed, wrap });
    machine.write(program);
    return { program, ...staged };
  }
  const held = (store: string) => readdirSync(store).filter((name) => name !== "asked").length;
  const times = () => {
    const path = join(machine.folder, "effect");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").length : 0;
  };
  const opened = () => existsSync(join(machine.folder, "state/bootstrap/opened"));

  /** Kills at the given tool; afterwards another boot, or another try within the same one, does all of it. */
  async function survives(at: number, reboots: boolean): Promise<boolean> {
    const { store, items } = await install();
    const { code } = await machine.run(undefined, machine.fatalPath(at));
    if (code === 0) return false;
    const what = `killed before tool ${at}`;
    // Nothing is deleted that was not executed, and noted on the disk before.
    if (held(store) < items) expect([opened(), times()], what).toEqual([true, 1]);
    const executedAndNoted = opened();
    if (reboots) {
      machine.reboot();
      expect(machine.holding(canary), what).toEqual([]);
    }
    expect(await machine.run(), what).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(machine.status(), what).toBe("opened clean");
    expect(held(store), what).toBe(0);
    expect(times(), what).toBeGreaterThan(0);
    expect(times(), what).toBeLessThan(executedAndNoted ? 2 : 3);
    expect(machine.mounts(), what).toEqual([]);
    expect(machine.holding(canary), what).toEqual([]);
    machine.remove();
    machine = testMachine(shell);
    return true;
  }

  it("begins anew, wherever it was killed, and executes nothing twice that it had noted", async () => {
    // Each shell takes every third place, and both ways of going on in turn.
    let at = 1 + ["dash", "bash", "busybox sh"].indexOf(shell);
    while (await survives(at, at % 2 === 0)) at += 3;
    expect(at).toBeGreaterThan(40);
  }, 300_000);

  it("removes everything at once when it is asked to end while it waits for the store", async () => {
    const { program, store } = await install();
    machine.write(program.replace('asked"', 'asked"\nsleep 1'));
    const { child, ended } = machine.start("open");
    await expect.poll(() => existsSync(join(store, "asked"))).toBe(true);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(11);
    expect(machine.status()).toBe("failed interrupted");
    expect(machine.mounts()).toEqual([]);
    machine.write(program);
    expect((await machine.run()).code).toBe(0);
    expect(held(store)).toBe(0);
  });

  it("removes the plaintext when it is asked to end, before the script and in it", async () => {
    const { program, items, store } = await install("sleep 1; exit 3");
    machine.write(program.replace("pg_fetch() {", "pg_fetch() {\nsleep 1\n"));
    const before = machine.start(undefined);
    await expect.poll(() => machine.mounts().length).toBe(1);
    before.child.kill("SIGTERM");
    expect((await before.ended).code).toBe(11);
    expect([machine.status(), times()]).toEqual(["failed interrupted", 0]);
    machine.write(program);
    const within = machine.start(undefined);
    await expect.poll(times).toBe(1);
    within.child.kill("SIGTERM");
    expect((await within.ended).code).toBe(11);
    expect(machine.status()).toBe("failed interrupted");
    expect(machine.mounts()).toEqual([]);
    expect(machine.holding(canary)).toEqual([]);
    expect(held(store)).toBe(items);
  });
});
