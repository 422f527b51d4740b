import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileState } from "provider-guard/file";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadLmdb } from "../../../adapters/file/lmdb.ts";
import { startChild } from "../../support/bundle.ts";
import { temporaryDirectory } from "./temporary.ts";

const program = new URL("worker.process.ts", import.meta.url);
const modeOf = (path: string) => statSync(path).mode & 0o777;
const codeOf = (step: () => unknown): unknown => {
  try {
    step();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
};

function openStore(directory: string) {
  const store = fileState({ directory });
  onTestFinished(() => store.close());
  return store;
}

/** A folder with two hundred entries in it that nobody has open. */
async function filled(): Promise<string> {
  const directory = join(temporaryDirectory(), "state");
  const store = fileState({ directory });
  await Promise.all(Array.from({ length: 200 }, (_, i) => store.put(`k/${i}`, "v".repeat(200))));
  await store.close();
  return directory;
}

describe("the folder of a file state store", () => {
  it("is made for its owner alone, with all that is missing above it", async () => {
    const directory = join(temporaryDirectory(), "a.b", "c.d");
    await openStore(directory).put("a", "1");
    expect(readdirSync(directory).sort()).toEqual(["data.mdb", "lock.mdb"]);
    expect([directory, join(directory, ".."), `${directory}/data.mdb`, `${directory}/lock.mdb`].map(modeOf)).toEqual([
      0o700, 0o700, 0o600, 0o600,
    ]);
  });

  it("keeps its mode where it was there before, while the files are for their owner alone", async () => {
    const directory = await filled();
    chmodSync(directory, 0o755);
    chmodSync(join(directory, "data.mdb"), 0o664);
    openStore(directory);
    expect([modeOf(directory), modeOf(join(directory, "data.mdb"))]).toEqual([0o755, 0o600]);
  });

  it("is refused where everybody may write to it", () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o1777);
    expect(() => fileState({ directory })).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(directory) }),
    );
    expect(readdirSync(directory)).toEqual([]);
    openStore(join(directory, "inside"));
  });

  it.each([
    ["a file in its place", (directory: string) => writeFileSync(directory, "")],
    ["a file above it", (directory: string) => directory, "data/x"],
    ["a link to nothing", (directory: string) => symlinkSync(`${directory}-none`, directory)],
  ])("is refused with its name where there is %s", (_, prepare, below = "") => {
    const directory = join(temporaryDirectory(), "state");
    prepare(directory);
    if (below !== "") writeFileSync(directory, "");
    const path = join(directory, below);
    expect(() => fileState({ directory: path })).toThrow(
      expect.objectContaining({ code: "ERR_STATE_UNAVAILABLE", message: expect.stringContaining(path) }),
    );
  });

  it("is refused with its name where nothing can be made", () => {
    expect(() => fileState({ directory: "/proc/none/state" })).toThrow(
      expect.objectContaining({ code: "ERR_STATE_UNAVAILABLE", message: expect.stringContaining("/proc/none/state") }),
    );
  });

  it.each<[string, (data: string) => void]>([
    ["some text", (data) => writeFileSync(data, "hello world".repeat(1000))],
    ["a few bytes", (data) => truncateSync(data, 100)],
    ["a first page alone", (data) => truncateSync(data, 4096)],
    ["nothing but the two first pages", (data) => truncateSync(data, 8192)],
    ["half of it", (data) => truncateSync(data, (statSync(data).size >> 13) << 12)],
    ["zeros at its start", (data) => overwrite(data, 0, 8192)],
  ])("is refused, and left alone, where its database is %s", async (_, damage) => {
    const directory = await filled();
    const data = join(directory, "data.mdb");
    damage(data);
    const { size } = statSync(data);
    expect(() => fileState({ directory })).toThrow(
      expect.objectContaining({
        code: "ERR_STATE_UNAVAILABLE",
        retryable: false,
        message: expect.stringContaining("data.mdb"),
      }),
    );
    expect(statSync(data).size).toBe(size);
  });

  it("is refused where the pages of its database are damaged", async () => {
    const directory = await filled();
    const data = join(directory, "data.mdb");
    overwrite(data, 8192, statSync(data).size - 8192);
    expect(() => fileState({ directory })).toThrow(
      expect.objectContaining({
        code: "ERR_STATE_UNAVAILABLE",
        retryable: false,
        message: expect.stringContaining(`${directory}: is damaged`),
      }),
    );
  });

  it("opens with a lock file that is gone, or full of rubbish", async () => {
    const directory = await filled();
    for (const lock of [undefined, "rubbish".repeat(10_000)]) {
      rmSync(join(directory, "lock.mdb"));
      if (lock !== undefined) writeFileSync(join(directory, "lock.mdb"), lock);
      const store = fileState({ directory });
      expect((await store.get("k/7"))?.value).toHaveLength(200);
      await store.close();
    }
    mkdirSync(join(temporaryDirectory(), "x"));
    rmSync(join(directory, "lock.mdb"));
    mkdirSync(join(directory, "lock.mdb"));
    expect(codeOf(() => fileState({ directory }))).toBe("ERR_STATE_UNAVAILABLE");
  });

  it("is opened once per process, however many stores are on it, and by whatever path", async () => {
    const directory = join(temporaryDirectory(), "state");
    const first = openStore(directory);
    symlinkSync(directory, `${directory}-link`);
    const second = openStore(`${directory}-link`);
    await first.put("a", "1");
    await first.close();
    expect((await second.get("a"))?.value).toBe("1");
    await second.put("a", "2");
    await second.close();
    expect((await openStore(directory).get("a"))?.value).toBe("2");
  });

  it.each([
    ["the folder is removed", (directory: string) => rmSync(directory, { recursive: true })],
    ["the lock file is removed", (directory: string) => unlinkSync(join(directory, "lock.mdb"))],
    [
      "the folder is replaced by a copy",
      (directory: string) => {
        cpSync(directory, `${directory}-copy`, { recursive: true });
        renameSync(directory, `${directory}-old`);
        renameSync(`${directory}-copy`, directory);
      },
    ],
  ])("is no longer used where %s meanwhile", async (_, change) => {
    const directory = join(temporaryDirectory(), "state");
    const store = openStore(directory);
    await store.put("a", "1");
    change(directory);
    const gone = { code: "ERR_STATE_UNAVAILABLE", message: expect.stringContaining("removed or replaced") };
    await expect(store.get("a")).rejects.toMatchObject(gone);
    await expect(store.put("a", "2")).rejects.toMatchObject(gone);
    await expect(store.scan("")[Symbol.asyncIterator]().next()).rejects.toMatchObject(gone);
  });

  it("grows with what it holds, as all processes on it see", async () => {
    const directory = temporaryDirectory();
    const store = openStore(directory);
    const child = await startChild(program, ["write", directory]);
    await child.printed(1);
    for (let i = 0; i < 40; i++) await store.put(`large/${i}`, String(i).repeat(100_000));
    await child.printed(child.lines.length + 20);
    child.process.kill("SIGKILL");
    await child.ended;
    expect(statSync(join(directory, "data.mdb")).size).toBeGreaterThan(6_000_000);
    for (let i = 0; i < 40; i++) expect((await store.get(`large/${i}`))?.value).toBe(String(i).repeat(100_000));
  });

  it("does not grow where a scan is never finished", async () => {
    const directory = temporaryDirectory();
    const store = openStore(directory);
    await Promise.all(Array.from({ length: 300 }, (_, i) => store.put(`k/${i}`, "v")));
    const scan = store.scan("k/")[Symbol.asyncIterator]();
    await scan.next();
    for (let i = 0; i < 200; i++) await store.put("large", String(i).repeat(50_000));
    expect(statSync(join(directory, "data.mdb")).size).toBeLessThan(3_000_000);
    expect((await scan.next()).done).toBe(false);
  });
});

describe("fileState", () => {
  it.each([
    [{ directory: "" }, "state.directory"],
    [{ directory: "a\0b" }, "state.directory"],
    [{ directory: "x", timeoutMs: 0 }, "state.timeoutMs"],
    [{ directory: "x", timeoutMs: Number.NaN }, "state.timeoutMs"],
    [{ directory: "x", durable: false }, "state"],
    [{ directory: "x", clock: {} }, "state.clock"],
  ])("refuses %j before it touches the disk", (options, path) => {
    expect(() => fileState(options as never)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
    expect(existsSync("x")).toBe(false);
  });

  it("says what to install where LMDB is missing", () => {
    const missing = Object.assign(new Error("Cannot find module 'lmdb'"), { code: "MODULE_NOT_FOUND" });
    const load = () => {
      throw missing;
    };
    expect(() => loadLmdb(load)).toThrow(
      expect.objectContaining({
        code: "ERR_CONFIG_INVALID",
        message: expect.stringContaining("npm install lmdb"),
        cause: missing,
      }),
    );
  });

  it("refuses a key that is too long, and keeps the longest", async () => {
    const store = openStore(temporaryDirectory());
    await store.put("é".repeat(950), "1", { ttlMs: 1000 });
    expect((await store.get("é".repeat(950)))?.value).toBe("1");
    for (const attempt of [
      () => store.put("é".repeat(951), "1"),
      () => store.get("é".repeat(951)),
      () => store.delete("é".repeat(951)),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    }
  });
});

function overwrite(path: string, at: number, length: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(length), 0, length, at);
  closeSync(file);
}
