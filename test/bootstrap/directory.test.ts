import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { directoryStore } from "provider-guard/bootstrap";
import { describe, expect, it, onTestFinished } from "vitest";
import { bootstrapStoreContract, testBinding } from "../support/bootstrap-store-contract.ts";

const run = promisify(execFile);

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "bootstrap-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

bootstrapStoreContract("directory", async () => {
  const path = join(await folder(), "items");
  const store = directoryStore({ path });
  return {
    store,
    read: (name) => store.get(name),
    // A file in the folder's place: nobody can do anything there, root included.
    breakDown: async () => {
      await rm(path, { recursive: true });
      await writeFile(path, "");
    },
  };
});

describe("the directory store", () => {
  it("keeps what it holds from everybody else, and leaves no file behind", async () => {
    const path = join(await folder(), "a", "b");
    const store = directoryStore({ path });
    const binding = testBinding();
    await store.put(`${binding.id}/0`, Buffer.from("x"), binding);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, binding.id))).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, binding.id, "0"))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(path, binding.id))).toEqual(["0"]);
    await store.delete(`${binding.id}/0`);
    expect((await readdir(path)).filter((name) => !name.startsWith("."))).toEqual([]);
  });

  it("lists and deletes what a process left that was killed while it wrote", async () => {
    const path = await folder();
    const store = directoryStore({ path });
    const binding = testBinding();
    await store.put(`${binding.id}/0`, Buffer.from("x"), binding);
    const draft = join(path, binding.id, "0.00000000deadbeef.new");
    await writeFile(draft, await readFile(join(path, binding.id, "0")));
    await rm(join(path, binding.id, "0"));
    const listed: string[] = [];
    for await (const { name } of store.list({ managementCluster: "mc-1" })) listed.push(name);
    expect(listed).toEqual([`${binding.id}/0`]);
    expect(await store.has(`${binding.id}/0`)).toBe(false);
    expect(await store.delete(`${binding.id}/0`)).toBe(true);
    expect((await readdir(path)).filter((name) => !name.startsWith("."))).toEqual([]);
  });

  it("takes no file for an item that is none", async () => {
    const path = await folder();
    const store = directoryStore({ path });
    const binding = testBinding();
    await store.put(`${binding.id}/0`, Buffer.from("x"), binding);
    await writeFile(join(path, "notes.txt"), "mine");
    await writeFile(join(path, binding.id, "7"), "{");
    await writeFile(join(path, binding.id, "8"), await readFile(join(path, binding.id, "0")));
    const listed: string[] = [];
    for await (const { name } of store.list({ managementCluster: "mc-1" })) listed.push(name);
    expect(listed).toEqual([`${binding.id}/0`]);
    expect(await store.get(`${binding.id}/7`)).toBeUndefined();
    expect(await store.get(`${binding.id}/8`)).toBeUndefined();
  });

  it("does not take a folder that is not mounted any more for an empty one", async () => {
    const path = join(await folder(), "items");
    const store = directoryStore({ path });
    const binding = testBinding();
    await store.put(`${binding.id}/0`, Buffer.from("x"), binding);
    await rename(path, `${path}-elsewhere`);
    await mkdir(path);
    for (const operation of [() => store.has(`${binding.id}/0`), () => store.delete(`${binding.id}/0`)]) {
      await expect(operation()).rejects.toMatchObject({ code: "ERR_BOOTSTRAP_STORE_UNAVAILABLE", retryable: true });
    }
    await rm(path, { recursive: true });
    await rename(`${path}-elsewhere`, path);
    expect(await store.has(`${binding.id}/0`)).toBe(true);
  });

  it("refuses a folder that everybody may write to, and paths that are none", async () => {
    const path = await folder();
    await chmod(path, 0o777);
    const store = directoryStore({ path });
    const binding = testBinding();
    await expect(store.put(`${binding.id}/0`, Buffer.from("x"), binding)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: `directoryStore.path ${path}: everybody may write to it`,
    });
    await chmod(path, 0o700);
    await store.put(`${binding.id}/0`, Buffer.from("x"), binding);
    for (const wrong of ["relative", "/with\0zero", ""]) {
      expect(() => directoryStore({ path: wrong })).toThrow(/directoryStore\.path/);
      expect(() => directoryStore({ path, machinePath: wrong })).toThrow(/directoryStore\.machinePath/);
    }
  });

  it.each(["dash", "bash", "busybox"])(
    "gives a machine its items where it has the folder mounted (%s)",
    async (shell) => {
      const path = await folder();
      const mounted = await folder();
      const store = directoryStore({ path, machinePath: `${mounted}/it's here` });
      const binding = testBinding();
      const bytes = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7) % 256));
      await store.put(`${binding.id}/0`, bytes, binding);
      const part = await store.opener(binding);
      const settings = Object.entries({ pg_id: binding.id, ...part?.settings })
        .map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'\n`)
        .join("");
      const sh = async (command: string) => {
        const script = `${settings}${part?.script}${part?.later}${command}; echo $?`;
        const words = shell === "busybox" ? ["busybox", "sh"] : [shell];
        return Number((await run(words[0] as string, [...words.slice(1), "-c", script])).stdout);
      };
      const out = join(mounted, "out");
      expect(await sh(`pg_fetch 0 '${out}'`)).toBe(1); // nothing is mounted yet: a later try may do better
      await mkdir(join(mounted, "it's here"));
      expect(await sh(`pg_fetch 0 '${out}'`)).toBe(1);
      expect(await sh("pg_forget 0")).toBe(1);
      await rm(join(mounted, "it's here"), { recursive: true });
      await run("ln", ["-s", path, join(mounted, "it's here")]);
      expect(await sh(`pg_fetch 0 '${out}'`)).toBe(0);
      expect(Buffer.compare(await readFile(out), bytes)).toBe(0);
      expect(await sh(`pg_fetch 1 '${out}'`)).toBe(2);
      expect(await sh("pg_forget 0")).toBe(0);
      expect(await sh("pg_forget 0")).toBe(0);
      expect(await store.has(`${binding.id}/0`)).toBe(false);
      expect(await sh(`pg_fetch 0 '${out}'`)).toBe(2);
    },
  );
});
