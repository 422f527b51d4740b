import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { intent, openJournal, outcome, read, segmentPath, temporaryDirectory, turns } from "./support.ts";

/** The machine's files, noting the order of the calls; a sync waits until it is let go. */
function held() {
  const calls: string[] = [];
  let gates: (() => void)[] | undefined;
  const files: JournalFiles = {
    ...nodeFiles,
    async write(fd, bytes, offset, length, position) {
      calls.push("write");
      return nodeFiles.write(fd, bytes, offset, length, position);
    },
    async sync(fd) {
      calls.push("sync");
      if (gates !== undefined) await new Promise<void>((resolve) => gates?.push(resolve));
      await nodeFiles.sync(fd);
    },
  };
  const hold = () => {
    gates = [];
    calls.length = 0;
  };
  const letGo = () => {
    for (const gate of gates?.splice(0) ?? []) gate();
  };
  return { files, calls, hold, letGo };
}

const until = async (condition: () => boolean) => {
  while (!condition()) await turns(1);
};

describe("the group commit", () => {
  it("acknowledges a record only after it was written and synced", async () => {
    const directory = temporaryDirectory();
    const disk = held();
    const journal = await openJournal(directory, {}, disk.files);
    disk.hold();
    let acknowledged = false;
    const appended = journal.append(intent("a")).then(() => {
      acknowledged = true;
    });
    await until(() => disk.calls.length === 2);
    await turns();
    expect(disk.calls).toEqual(["write", "sync"]);
    expect(readFileSync(segmentPath(directory), "utf8")).toContain('"call":"a"');
    expect(acknowledged).toBe(false);
    disk.letGo();
    await appended;
  });

  it("puts everything that arrives during a sync into the one write that follows", async () => {
    const disk = held();
    const journal = await openJournal(temporaryDirectory(), {}, disk.files);
    disk.hold();
    const first = journal.append(intent("a"));
    await until(() => disk.calls.length === 2);
    const rest = Array.from({ length: 500 }, (_, i) => journal.append(intent(`b${i}`)));
    journal.enqueue(outcome("a"));
    await turns();
    expect(disk.calls).toEqual(["write", "sync"]);
    disk.letGo();
    await first;
    await until(() => disk.calls.length === 4);
    disk.letGo();
    await Promise.all(rest);
    expect(disk.calls).toEqual(["write", "sync", "write", "sync"]);
  });

  it("lets records that nobody waits for ride along with the next that somebody waits for", async () => {
    const fixed = { now: () => 1, monotonic: () => 1, setTimeout: () => ({ cancel() {} }) };
    const disk = held();
    const journal = await openJournal(temporaryDirectory(), {}, disk.files, { clock: fixed });
    disk.calls.length = 0;
    journal.enqueue(read("r"));
    await turns();
    expect(disk.calls).toEqual([]);
    await journal.append(intent("a"));
    expect(disk.calls).toEqual(["write", "sync"]);
  });

  it("writes on its own once enough has piled up, or a moment has passed", async () => {
    let ring: () => void = () => {};
    const clock = {
      now: () => 1,
      monotonic: () => 1,
      setTimeout(callback: () => void, delayMs: number) {
        if (delayMs < 1_000) ring = callback; // not the one that looks for old segments
        return { cancel() {} };
      },
    };
    const disk = held();
    const journal = await openJournal(temporaryDirectory(), {}, disk.files, { clock });
    disk.calls.length = 0;
    for (let i = 0; i < 300; i++) journal.enqueue(read(`r${i}`));
    await until(() => disk.calls.length === 2);
    await journal.flush();
    journal.enqueue(read("last"));
    await turns();
    expect(disk.calls).toHaveLength(2);
    ring();
    await until(() => disk.calls.length === 4);
  });

  it("goes on where the system wrote less than it was asked to", async () => {
    const directory = temporaryDirectory();
    const files: JournalFiles = {
      ...nodeFiles,
      write: (fd, bytes, offset, length, position) =>
        nodeFiles.write(fd, bytes, offset, Math.min(length, 100), position),
    };
    const journal = await openJournal(directory, {}, files);
    await Promise.all(Array.from({ length: 20 }, (_, i) => journal.append(intent(`a${i}`))));
    await journal.close();
    await openJournal(directory);
  });
});
