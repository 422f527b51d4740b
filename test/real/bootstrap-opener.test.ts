import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Binding } from "../../src/bootstrap/contract.ts";
import { composeOpener } from "../../src/bootstrap/opener/compose.ts";
import { scriptUserData } from "../../src/bootstrap/opener/script-user-data.ts";
import { bootstrapSigner } from "../../src/bootstrap/signer.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { canary, sampleScript, sealFor, signer, stagedIn } from "./bootstrap-opener/sealed.ts";

describeOpener("the opener", (shell) => {
  let machine: TestMachine;
  beforeEach(() => {
    machine = testMachine(shell);
  });
  afterEach(() => machine.remove());

  /** Seals a script and writes the opener that opens it from a folder. */
  async function install(data: string, options: Partial<Binding> & { maxItemBytes?: number } = {}) {
    const { sealed, wrap } = await sealFor(machine.folder, data, options);
    const { opener, store, items } = stagedIn(machine.folder, { sealed, wrap }, 1024);
    machine.write(opener);
    return { id: sealed.binding.id, chunks: sealed.chunks.length, items, store };
  }
  const asked = (store: string) => readFileSync(join(store, "asked"), "utf8").trim().split("\n");
  /** What was asked for but for the program. */
  const ofData = (store: string) => asked(store).filter((line) => /^\w+ 0$/.test(line));
  const effect = () => (existsSync(`${machine.folder}/effect`) ? readFileSync(`${machine.folder}/effect`, "utf8") : "");

  it("opens data of several chunks into a tmpfs of its own, once, and leaves nothing of it", async () => {
    const data = sampleScript(machine.folder);
    const { id, chunks, items, store } = await install(data, { maxItemBytes: 512 });
    expect([chunks > 2, items - chunks > 2]).toEqual([true, true]);
    const run = `${machine.folder}/run/bootstrap`;
    expect(await machine.run("open")).toEqual({ code: 0, stdout: `${run}/data\n`, stderr: "" });
    expect(readFileSync(`${run}/data`, "utf8")).toBe(data);
    expect(machine.mounts()).toEqual([run]);
    expect(statSync(run).mode & 0o777).toBe(0o700);
    expect(statSync(`${run}/data`).mode & 0o777).toBe(0o600);
    expect(machine.status()).toBe("opening ready");
    expect(await machine.run("done")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(machine.status()).toBe("opened clean");
    expect(machine.mounts()).toEqual([]);
    expect(existsSync(run)).toBe(false);
    const each = (verb: string) => Array.from({ length: items }, (_, index) => `${verb} ${index}`);
    // The program comes first, and goes last.
    const fetched = [...each("fetch").slice(chunks), ...each("fetch").slice(0, chunks)];
    expect(asked(store)).toEqual([...fetched, ...each("forget")]);
    expect(machine.console()).toEqual([`provider-guard: bootstrap data ${id} opened: clean`]);
    expect(machine.holding(canary)).toEqual([]);
    machine.reboot();
    expect(await machine.run("open")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await machine.run("done")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(asked(store).length).toBe(2 * items);
    expect(machine.console().length).toBe(1);
  });

  it("runs a script with the umask that it would have without the opener, once", async () => {
    await install(sampleScript(machine.folder));
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(effect()).toBe("ran 0022\n");
    expect(machine.status()).toBe("opened clean");
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(effect()).toBe("ran 0022\n");
    expect(machine.mounts()).toEqual([]);
  });

  it("keeps the data in the store when the script fails, and tries again at the next boot", async () => {
    const { id, store } = await install(sampleScript(machine.folder, `[ -e ${machine.folder}/better ]`));
    expect((await machine.run()).code).toBe(11);
    expect(machine.status()).toBe("failed script");
    expect(machine.console()).toEqual([`provider-guard: bootstrap data ${id} failed: script`]);
    expect(machine.mounts()).toEqual([]);
    expect(ofData(store)).toEqual(["fetch 0"]);
    writeFileSync(`${machine.folder}/better`, "");
    expect((await machine.run()).code).toBe(0);
    expect(machine.status()).toBe("opened clean");
    expect(effect()).toBe("ran 0022\nran 0022\n");
  });

  it("executes only what was sealed as a script", async () => {
    const { store } = await install(sampleScript(machine.folder), { format: "cloud-config" });
    expect((await machine.run()).code).toBe(10);
    expect(machine.status()).toBe("refused format");
    expect(effect()).toBe("");
    expect(ofData(store)).toEqual([]);
  });

  it("opens data that comes with the user data: in a script, and in a script that comes by a pipe", async () => {
    const { sealed, wrap } = await sealFor(machine.folder, sampleScript(machine.folder), { mode: "inline" });
    const program = composeOpener({ sealed, wrap, store: undefined });
    const [chunk] = sealed.chunks as [Uint8Array];
    machine.write(program);
    expect((await machine.run("open")).code).toBe(10);
    expect(machine.status()).toBe("refused gone");
    machine.write(scriptUserData(program, chunk));
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(effect()).toBe("ran 0022\n");
    rmSync(`${machine.folder}/state`, { recursive: true });
    const [name = "", ...args] = shell.split(" ");
    const env = { ...machine.env, PATH: `${machine.env.PATH}:${process.env.PATH}` };
    const piped = spawnSync(name, args, { input: scriptUserData(program, chunk), env, encoding: "utf8" });
    expect(piped).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(effect()).toBe("ran 0022\nran 0022\n");
  });

  it("begins anew what was opened and never done, and forgets what the earlier run left", async () => {
    const { store } = await install(sampleScript(machine.folder));
    const { stdout } = await machine.run("open");
    writeFileSync(stdout.trim(), "changed meanwhile");
    writeFileSync(`${machine.folder}/run/bootstrap/left`, "");
    expect((await machine.run("open")).code).toBe(0);
    expect(readFileSync(stdout.trim(), "utf8")).toContain(canary);
    expect(existsSync(`${machine.folder}/run/bootstrap/left`)).toBe(false);
    expect(machine.mounts().length).toBe(1);
    machine.reboot();
    expect((await machine.run("done")).code).toBe(11);
    expect(machine.status()).toBe("failed not-open");
    expect(ofData(store)).toEqual(["fetch 0", "fetch 0"]);
    expect((await machine.run("open")).code).toBe(0);
    expect((await machine.run("done")).code).toBe(0);
  });

  it("removes later what could not be removed from the store at once, without opening again", async () => {
    const { store } = await install(sampleScript(machine.folder));
    const held = join(store, "0");
    const program = readFileSync(`${machine.folder}/opener`, "utf8");
    machine.write(program.replace('rm -f "$pg_folder/$1"', "return 1"));
    expect((await machine.run("open")).code).toBe(0);
    expect((await machine.run("done", { PROVIDER_GUARD_SECONDS: "1" })).code).toBe(11);
    expect(machine.status()).toBe("opened left-in-store");
    expect(machine.mounts()).toEqual([]);
    machine.write(program);
    expect(existsSync(held)).toBe(true);
    expect(await machine.run("open")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(existsSync(held)).toBe(false);
    expect(machine.status()).toBe("opened clean");
    expect(machine.mounts()).toEqual([]);
  });

  it("takes no other signer's data than the pinned one's", async () => {
    const pinned = machine.env.PROVIDER_GUARD_SIGNER as string;
    const { store } = await install(sampleScript(machine.folder));
    for (const wrong of [bootstrapSigner().publicKey, "", "no key"]) {
      writeFileSync(pinned, wrong);
      expect((await machine.run()).code).toBe(10);
      expect(machine.status()).toBe("refused signer");
      rmSync(pinned);
    }
    symlinkSync("/nonexistent", pinned);
    expect((await machine.run()).code).toBe(10);
    expect(machine.status()).toBe("refused signer");
    rmSync(pinned);
    expect(ofData(store)).toEqual([]);
    writeFileSync(pinned, signer.publicKey);
    expect((await machine.run()).code).toBe(0);
    expect(effect()).toBe("ran 0022\n");
  });

  it("opens no data sealed before the one that was opened last", async () => {
    const now = Math.floor(Date.now() / 1000) * 1000;
    await install(sampleScript(machine.folder), { sealedAt: now - 120_000 });
    expect((await machine.run()).code).toBe(0);
    for (const sealedAt of [now - 120_000, now - 240_000]) {
      await install(sampleScript(machine.folder), { sealedAt });
      expect((await machine.run()).code).toBe(10);
      expect(machine.status()).toBe("refused replayed");
    }
    await install(sampleScript(machine.folder), { sealedAt: now - 60_000 });
    expect((await machine.run()).code).toBe(0);
    expect(effect()).toBe("ran 0022\nran 0022\n");
  });

  it("does not judge the expiry by a clock that is not set yet, and says so", async () => {
    const sealedAt = Math.floor(Date.now() / 1000) * 1000 + 86_400_000;
    await install(sampleScript(machine.folder), { sealedAt, expiresAt: sealedAt + 60_000 });
    expect((await machine.run("open")).code).toBe(0);
    expect(machine.status()).toBe("opening ready,clock");
    expect((await machine.run("done")).code).toBe(0);
    expect(machine.status()).toBe("opened clean,clock");
  });

  it("lets one at a time work, whatever a killed one or another boot left", async () => {
    const { store } = await install(sampleScript(machine.folder));
    writeFileSync(join(store, "slow"), "");
    const program = readFileSync(`${machine.folder}/opener`, "utf8");
    machine.write(program.replace('cat "$pg_folder/$1" >"$2"', 'sleep 1; cat "$pg_folder/$1" >"$2"'));
    const first = machine.start("open");
    await expect.poll(() => existsSync(join(store, "asked"))).toBe(true);
    expect(await machine.run("open")).toEqual({ code: 11, stdout: "", stderr: "" });
    expect(machine.status()).toBe("opening begun");
    expect((await first.ended).code).toBe(0);
    expect(machine.console()).toEqual([]);
    machine.write(program);
    for (const claim of ["1 another-boot\n", "", "99999999 x\n"]) {
      writeFileSync(`${machine.folder}/state/bootstrap/claim`, claim);
      expect((await machine.run("open")).code).toBe(0);
    }
  });

  it("takes a folder on a tmpfs where it may not mount, and no other", async () => {
    await install(sampleScript(machine.folder));
    const { PATH } = machine.path({ scripts: { mount: "#!/bin/sh\nexit 32\n" } });
    expect((await machine.run("open", { PATH })).code).toBe(11);
    expect(machine.status()).toBe("failed no-tmpfs");
    expect(machine.holding(canary)).toEqual([]);
    expect(existsSync(`${machine.folder}/run/bootstrap`)).toBe(false);
    mkdirSync(`${machine.folder}/run`, { recursive: true });
    machine.mount("1m", "run");
    expect((await machine.run(undefined, { PATH })).code).toBe(0);
    expect(machine.status()).toBe("opened clean");
    expect(existsSync(`${machine.folder}/run/bootstrap`)).toBe(false);
    expect(machine.mounts()).toEqual([`${machine.folder}/run`]);
  });
});
