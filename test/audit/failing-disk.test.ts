import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FileJournal } from "../../src/audit/file-journal.ts";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { unavailable } from "../../src/audit/unavailable.ts";
import { verifyJournal } from "../../src/audit/verify.ts";
import { mountSmallDisk } from "../support/small-disk.ts";
import {
  cleanup,
  failure,
  intent,
  openJournal,
  outcome,
  read,
  recordsOf,
  segmentPath,
  startChild,
  temporaryDirectory,
  turns,
} from "./support.ts";

const systemError = (code: string) => Object.assign(new Error(code), { code });

/** A disk with so much room left, and faults on demand. */
function faultyDisk() {
  const state = { room: Number.POSITIVE_INFINITY, code: "ENOSPC", syncs: 0, truncates: 0 };
  const files: JournalFiles = {
    async write(fd, bytes, offset, length, position) {
      if (state.room <= 0) throw systemError(state.code);
      const written = await nodeFiles.write(fd, bytes, offset, Math.min(length, state.room), position);
      state.room -= written;
      return written;
    },
    async sync(fd) {
      if (state.syncs > 0) {
        state.syncs--;
        throw systemError("EIO");
      }
      await nodeFiles.sync(fd);
    },
    async truncate(fd, length) {
      if (state.truncates > 0) {
        state.truncates--;
        throw systemError("EIO");
      }
      await nodeFiles.truncate(fd, length);
    },
    async create(directory, name, content) {
      if (state.room < content.length) throw unavailable(join(directory, name), systemError(state.code));
      await nodeFiles.create(directory, name, content);
    },
  };
  return { state, files };
}

const callsOf = (directory: string) => recordsOf(directory).flatMap(({ call }) => call ?? []);

describe("a disk that has no room", () => {
  it.each(["ENOSPC", "EDQUOT", "EFBIG", "EIO"])("refuses appends with the cause %s, and what to do", async (code) => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, {}, files);
    Object.assign(state, { room: 0, code });
    const error = await failure(journal.append(intent("a")));
    expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: true, requeueAfterMs: 10_000 });
    expect(error.cause).toMatchObject({ code });
    expect(error.message).toContain(`${segmentPath(directory)}: `);
    expect(error.message).toMatch(/; .* \(\w+\)$/);
  });

  it("leaves no part of a refused record behind, however much of it could be written", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, {}, files);
    await journal.append(intent("a"));
    const before = readFileSync(segmentPath(directory));
    for (const room of [1, 50, 150]) {
      state.room = room;
      await failure(journal.append(intent("b")));
      expect(readFileSync(segmentPath(directory)).equals(before)).toBe(true);
    }
  });

  it("refuses all who wait, keeps what was enqueued, and writes that first once there is room", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, {}, files);
    await journal.append(intent("a"));
    state.room = 100;
    const waiting = Array.from({ length: 20 }, (_, i) => journal.append(intent(`no${i}`)));
    journal.enqueue(outcome("a"));
    for (const append of waiting) expect((await failure(append)).code).toBe("ERR_AUDIT_UNAVAILABLE");
    journal.enqueue(read("r"));
    expect((await failure(journal.flush())).code).toBe("ERR_AUDIT_UNAVAILABLE");
    state.room = Number.POSITIVE_INFINITY;
    await journal.append(intent("b"));
    expect(callsOf(directory)).toEqual(["a", "a", "r", "b"]);
    expect(journal.dropped).toBe(0);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
  });

  it("drops the oldest reads first when too much waits, counts them, and records how many", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, { maxBacklog: 10 }, files);
    for (let i = 0; i < 5; i++) await journal.append(intent(`a${i}`));
    state.room = 0;
    await failure(journal.append(intent("no")));
    for (let i = 0; i < 5; i++) {
      journal.enqueue(outcome(`a${i}`));
      for (let k = 0; k < 4; k++) journal.enqueue(read(`r${i}-${k}`));
      await failure(journal.append(intent("no")));
    }
    expect(journal.dropped).toBe(15);
    state.room = Number.POSITIVE_INFINITY;
    await journal.append(intent("b"));
    const reads = recordsOf(directory).flatMap(({ type, call }) => (type === "read" ? call : []));
    expect(reads).toEqual(["r3-3", "r4-0", "r4-1", "r4-2", "r4-3"]);
    await journal.close();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, outcomes: 5, intents: 6 });
    expect(recordsOf(directory).at(-1)).toMatchObject({ event: "dropped", details: { records: 15 } });
  });

  it("bounds what it keeps while nobody appends", async () => {
    const { state, files } = faultyDisk();
    const journal = await openJournal(temporaryDirectory(), { maxBacklog: 10 }, files);
    state.room = 0;
    await failure(journal.append(intent("no")));
    for (let i = 0; i < 30; i++) journal.enqueue(read(`r${i}`));
    expect(journal.dropped).toBe(20);
  });

  it("counts what could not be written before it was closed", async () => {
    const { state, files } = faultyDisk();
    const journal = await openJournal(temporaryDirectory(), {}, files);
    state.room = 0;
    for (let i = 0; i < 7; i++) journal.enqueue(read(`r${i}`));
    await journal.close();
    expect(journal.dropped).toBe(7);
  });

  it("tries again by itself after a while, though nobody appends", async () => {
    const rings: (() => void)[] = [];
    const clock = {
      now: () => 1,
      monotonic: () => 1,
      setTimeout(callback: () => void) {
        rings.push(callback);
        return { cancel() {} };
      },
    };
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, {}, files, { clock });
    state.room = 0;
    journal.enqueue(read("r"));
    await failure(journal.append(intent("no")));
    await turns();
    state.room = Number.POSITIVE_INFINITY;
    while (!callsOf(directory).includes("r")) {
      rings.pop()?.();
      await turns(1);
    }
    expect(callsOf(directory)).toEqual(["r"]);
  });

  it("is noticed before any call: a journal does not open on it", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    state.room = 0;
    expect((await failure(openJournal(directory, {}, files))).code).toBe("ERR_AUDIT_UNAVAILABLE");
    await openJournal(directory);
  });

  it("is told to the caller of a batching journal too, which keeps what it acknowledged", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, { mode: "batch" }, files);
    state.room = 10;
    await journal.append(intent("a"));
    await failure(journal.flush());
    expect((await failure(journal.append(intent("no")))).code).toBe("ERR_AUDIT_UNAVAILABLE");
    state.room = Number.POSITIVE_INFINITY;
    await journal.append(intent("b"));
    expect(callsOf(directory)).toEqual(["a", "b"]);
  });

  it("keeps every acknowledged record, and none that was refused, in any mix of room and faults", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, {}, files);
    const expected: string[] = [];
    for (let i = 0; i < 200; i++) {
      state.room = i % 3 === 0 ? (i * 37) % 400 : Number.POSITIVE_INFINITY;
      state.syncs = i % 7 === 0 ? 1 : 0;
      state.truncates = i % 5 === 0 ? 2 : 0;
      await journal.append(intent(`a${i}`)).then(
        () => expected.push(`a${i}`),
        () => {},
      );
    }
    expect(expected.length).toBeGreaterThan(50);
    expect(expected.length).toBeLessThan(190);
    await journal.close();
    expect(callsOf(directory)).toEqual(expected);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
  });

  it("holds for a real file system of 64 KB", async (test) => {
    const disk = mountSmallDisk("64k");
    if (disk === undefined) return test.skip("mounting a small file system is not allowed here");
    cleanup(() => disk.remove());
    const { directory } = disk;
    const filler = join(directory, "filler");
    writeFileSync(filler, Buffer.alloc(32 * 1024));
    const journal = await openJournal(directory);
    const { acknowledged, error } = await fill(journal);
    expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", cause: { code: "ENOSPC" } });
    for (let i = 0; i < 5; i++) journal.enqueue(read(`r${i}`));
    await failure(journal.append(intent("no")));
    expect(callsOf(directory)).toEqual(acknowledged);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: acknowledged.length });
    rmSync(filler);
    await journal.append(intent("again"));
    await journal.close();
    expect(callsOf(directory)).toEqual([...acknowledged, "r0", "r1", "r2", "r3", "r4", "again"]);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
    writeFileSync(filler, Buffer.alloc(16 * 1024));
    await openJournal(directory);
  });

  it("holds for a limit on the size of files", async () => {
    const directory = temporaryDirectory();
    const child = await startChild(["fill", directory], ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh"]);
    expect(await child.ended).toBe(0);
    const told = JSON.parse(child.lines[0] ?? "{}");
    expect(told).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", cause: "EFBIG" });
    expect(told.message).toContain("raise the process's file size limit");
    expect(told.recorded).toBeGreaterThan(10);
    await openJournal(directory);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: told.recorded });
  });
});

async function fill(journal: FileJournal) {
  const acknowledged: string[] = [];
  for (let i = 0; ; i++) {
    try {
      await journal.append(intent(`a${i}`));
      acknowledged.push(`a${i}`);
    } catch (error) {
      return { acknowledged, error };
    }
  }
}

describe("a disk that fails to sync", () => {
  it("has acknowledged nothing of that write, and writes it anew rather than trust a second sync", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const journal = await openJournal(directory, {}, files);
    await journal.append(intent("a"));
    state.syncs = 1;
    journal.enqueue(outcome("a"));
    expect((await failure(journal.append(intent("no")))).cause).toMatchObject({ code: "EIO" });
    expect(callsOf(directory)).toEqual(["a"]);
    await journal.append(intent("b"));
    expect(callsOf(directory)).toEqual(["a", "a", "b"]);
    await journal.close();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
  });

  it("is not written on if it lost what had been durable", async () => {
    const directory = temporaryDirectory();
    const { state, files } = faultyDisk();
    const sync = files.sync;
    const damaging: JournalFiles = {
      ...files,
      async sync(fd) {
        const { size } = statSync(segmentPath(directory));
        if (state.syncs > 0) await nodeFiles.write(fd, Buffer.from("y"), 0, 1, size - 1000);
        await sync(fd);
      },
    };
    const journal = await openJournal(directory, {}, damaging);
    await journal.append(intent("a", { input: "x".repeat(2000) }));
    state.syncs = 1;
    await failure(journal.append(intent("no")));
    const error = await failure(journal.append(intent("no")));
    expect(error.code).toBe("ERR_AUDIT_CORRUPT");
    expect(error.message).toContain("seq 2");
  });
});

describe("a file that is changed behind the journal's back", () => {
  it("is noticed when it was removed, before anything is acknowledged, and when it comes back", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    const away = join(directory, "away");
    renameSync(segmentPath(directory), away);
    const error = await failure(journal.append(intent("no")));
    expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: true });
    expect(error.message).toMatch(/00000001\.jsonl: was removed or moved away/);
    renameSync(away, segmentPath(directory));
    await journal.append(intent("a"));
    expect(callsOf(directory)).toEqual(["a"]);
  });

  it("is noticed when it was replaced, even by a copy of itself", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    const path = segmentPath(directory);
    const copy = readFileSync(path);
    renameSync(path, `${path}.old`);
    writeFileSync(path, copy);
    expect((await failure(journal.append(intent("no")))).message).toContain("was replaced");
    expect(readFileSync(path).equals(copy)).toBe(true);
  });

  it("is noticed when the directory was replaced", async () => {
    const directory = join(temporaryDirectory(), "audit");
    const journal = await openJournal(directory);
    renameSync(directory, `${directory}.old`);
    mkdirSync(directory);
    expect((await failure(journal.append(intent("no")))).message).toContain("was removed or moved away");
  });

  it("is noticed when somebody else cut it or wrote to it", async () => {
    for (const tamper of [
      (path: string) => truncateSync(path, 10),
      (path: string) => appendFileSync(path, "x"),
      (path: string) => writeFileSync(path, ""),
    ]) {
      const directory = temporaryDirectory();
      const journal = await openJournal(directory);
      tamper(segmentPath(directory));
      expect((await failure(journal.append(intent("no")))).message).toContain("was changed by somebody else");
      expect((await failure(journal.append(intent("no")))).code).toBe("ERR_AUDIT_UNAVAILABLE");
    }
  });

  it("is noticed when that happens between a write and its sync", async () => {
    const directory = temporaryDirectory();
    const path = segmentPath(directory);
    let armed = false;
    const files: JournalFiles = {
      ...nodeFiles,
      async sync(fd) {
        await nodeFiles.sync(fd);
        if (armed) renameSync(path, `${path}.away`);
        armed = false;
      },
    };
    const journal = await openJournal(directory, {}, files);
    armed = true;
    expect((await failure(journal.append(intent("no")))).message).toContain("was removed or moved away");
    renameSync(`${path}.away`, path);
    await journal.append(intent("a"));
    expect(callsOf(directory)).toEqual(["a"]);
  });
});
