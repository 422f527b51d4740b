import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { scriptUserData } from "../../src/bootstrap/opener/script-user-data.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { canary, sampleScript, sealFor, stagedIn } from "./bootstrap-opener/sealed.ts";

describeOpener("an opener in two stages", (shell) => {
  let machine: TestMachine;
  beforeEach(() => {
    machine = testMachine(shell);
  });
  afterEach(() => machine.remove());

  async function install(body = "") {
    const { sealed, wrap } = await sealFor(machine.folder, sampleScript(machine.folder, body), { maxItemBytes: 1024 });
    const staged = stagedIn(machine.folder, { sealed, wrap }, 1024);
    machine.write(staged.opener);
    const held = () => readdirSync(staged.store).filter((name) => name !== "asked");
    const asked = () => readFileSync(join(staged.store, "asked"), "utf8").trim().split("\n");
    const item = (index: number) => join(staged.store, String(index));
    return { ...staged, id: sealed.binding.id, held, asked, item };
  }
  const kept = () => `${machine.folder}/state/bootstrap/program`;
  const effect = () => (existsSync(`${machine.folder}/effect`) ? readFileSync(`${machine.folder}/effect`, "utf8") : "");

  /** Refused at once: nothing was executed, nothing deleted, nothing is left, and one line says so. */
  async function refuses(reason: string, { id, items, held }: Awaited<ReturnType<typeof install>>, missing = 0) {
    expect(await machine.run()).toEqual({ code: 10, stdout: "", stderr: "" });
    expect(machine.status()).toBe(`refused ${reason}`);
    expect(machine.console()).toEqual([`provider-guard: bootstrap data ${id} refused: ${reason}`]);
    expect(effect()).toBe("");
    expect(held().length).toBe(items - missing);
    expect(machine.mounts()).toEqual([]);
    expect(existsSync(kept())).toBe(false);
    expect(existsSync(`${machine.folder}/hostile`)).toBe(false);
  }

  it("executes nothing of a program of which one bit is another one, in whichever item", async () => {
    const staged = await install();
    for (let index = staged.first; index < staged.items; index++) {
      const right = readFileSync(staged.item(index));
      const wrong = Uint8Array.from(right);
      wrong.set([(wrong[100] as number) ^ 1], 100);
      writeFileSync(staged.item(index), wrong);
      await refuses("program", staged);
      writeFileSync(`${machine.folder}/console`, "");
      writeFileSync(staged.item(index), right);
    }
    expect((await machine.run()).code).toBe(0);
    expect(effect()).toBe("ran 0022\n");
  });

  it("executes nothing of a program that is longer, shorter, another one, or none at all", async () => {
    const staged = await install();
    const last = staged.item(staged.items - 1);
    const right = readFileSync(last);
    const hostile = spawnSync("gzip", ["-c"], { input: `touch ${machine.folder}/hostile\n` }).stdout;
    for (const wrong of [Buffer.concat([right, hostile]), right.subarray(0, -1), hostile, Buffer.from("")]) {
      writeFileSync(last, wrong);
      await refuses("program", staged);
      writeFileSync(`${machine.folder}/console`, "");
    }
    rmSync(last);
    await refuses("gone", staged, 1);
  });

  it("takes no endless program", async () => {
    const staged = await install();
    truncateSync(staged.item(staged.items - 1), 64 * 1024 ** 2);
    const { code } = await machine.run();
    expect([code === 10 || code === 11, effect(), existsSync(kept())]).toEqual([true, "", false]);
    expect(machine.mounts()).toEqual([]);
  });

  it("fetches the program once, and takes what it kept only as it was", async () => {
    const staged = await install();
    expect((await machine.run("open")).code).toBe(0);
    const ofProgram = () => staged.asked().filter((line) => line === `fetch ${staged.first}`).length;
    machine.reboot();
    expect((await machine.run("open")).code).toBe(0);
    expect(ofProgram()).toBe(1);
    machine.reboot();
    const right = readFileSync(kept());
    for (const wrong of [
      right.subarray(0, 900),
      spawnSync("gzip", { input: `touch ${machine.folder}/hostile` }).stdout,
      "",
    ])
      for (const boot of ["open", "handler"]) {
        writeFileSync(kept(), wrong);
        expect((await machine.run(boot)).code).toBe(0);
        expect(readFileSync(kept()).equals(right)).toBe(true);
        machine.reboot();
      }
    expect(ofProgram()).toBe(7);
    expect(existsSync(`${machine.folder}/hostile`)).toBe(false);
    expect((await machine.run()).code).toBe(0);
    expect(effect()).toBe("ran 0022\n");
    expect(staged.held()).toEqual([]);
  });

  it("finishes without the store's copy of the program, whatever was lost after it was deleted", async () => {
    const { opener, store, items, first, held } = await install();
    expect((await machine.run("open")).code).toBe(0);
    // All goes but the first item of the data: as if the store was away for that one.
    machine.write(opener.replace("pg_forget() {", '$&\n[ "$1" != 0 ] || return 1'));
    expect((await machine.run("done", { PROVIDER_GUARD_SECONDS: "1" })).code).toBe(11);
    expect(machine.status()).toBe("opened left-in-store");
    expect(held()).toEqual(["0"]);
    expect(existsSync(join(store, String(first)))).toBe(false);
    machine.reboot();
    machine.write(opener);
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect([machine.status(), held(), effect()]).toEqual(["opened clean", [], ""]);
    // Nothing was noted, and everything is gone: power was lost before the line that says so.
    writeFileSync(`${machine.folder}/state/bootstrap/status`, "opened x begun\n");
    machine.reboot();
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect([machine.status(), effect(), machine.holding(canary)]).toEqual(["opened clean", "", []]);
    expect(items).toBeGreaterThan(first);
  });

  it("waits for the program in bounded time, and begins anew at the next boot", async () => {
    const { opener, id } = await install();
    machine.write(opener.replace("pg_fetch() {", "$&\nreturn 1"));
    expect(await machine.run(undefined, { PROVIDER_GUARD_SECONDS: "1" })).toEqual({ code: 11, stdout: "", stderr: "" });
    expect(machine.status()).toBe("failed store");
    expect(machine.console()).toEqual([`provider-guard: bootstrap data ${id} failed: store`]);
    expect(machine.mounts()).toEqual([]);
    machine.write(opener);
    expect((await machine.run()).code).toBe(0);
    expect(effect()).toBe("ran 0022\n");
  });

  it("leaves the script the environment that it would have without the opener, as a packed script by a pipe, too", async () => {
    const seen = `${"$"}{LC_ALL-none} $(umask) $(ulimit -f) $(cat /proc/self/status | grep SigIgn)`;
    const [name = "", ...args] = shell.split(" ");
    for (const LC_ALL of [undefined, "C.UTF-8"]) {
      const env = { ...machine.env, ...(LC_ALL && { LC_ALL }), PATH: `${machine.env.PATH}:${process.env.PATH}` };
      spawnSync(name, args, { input: `echo "${seen}" >>${machine.folder}/usual\n`, env });
      rmSync(`${machine.folder}/state`, { recursive: true, force: true });
      const staged = await install(`echo "${seen}" >>${machine.folder}/seen`);
      const ran = spawnSync(name, args, { input: scriptUserData(staged.opener), env, encoding: "utf8" });
      expect(ran).toMatchObject({ status: 0, stdout: "", stderr: "" });
    }
    const read = (file: string) => readFileSync(`${machine.folder}/${file}`, "utf8");
    expect(read("seen")).toBe(read("usual"));
  });
});
