import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { verifyJournal } from "../../src/audit/verify.ts";
import { simulatedClock } from "../../src/testing/simulated-clock.ts";
import { failure, intent, openJournal, outcome, segmentPath, temporaryDirectory, turns } from "./support.ts";

/** A journal that waits for room, on virtual time and on a disk that has none while it is told so. */
async function blocked(mode: "blocking" | "strict" = "blocking") {
  const directory = temporaryDirectory();
  const clock = simulatedClock();
  const disk = { full: false, writes: 0, repairs: 0, gate: undefined as Promise<void> | undefined };
  const files: JournalFiles = {
    ...nodeFiles,
    async write(...args) {
      disk.writes++;
      await disk.gate;
      if (disk.full) throw Object.assign(new Error("full"), { code: "ENOSPC" });
      return nodeFiles.write(...args);
    },
    async truncate(...args) {
      await nodeFiles.truncate(...args);
      disk.repairs++;
    },
  };
  const journal = await openJournal(directory, { mode, maxBacklog: 5 }, files, { clock });
  const calls = () => readFileSync(segmentPath(directory), "utf8").match(/(?<="call":")\w+/g) ?? [];
  return { directory, clock, disk, journal, calls };
}

/** How a promise stands by now. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  await turns(50);
  return Promise.race([
    promise.then(
      () => "done",
      () => "refused",
    ),
    Promise.resolve("waiting"),
  ]);
}

/** Until a write has failed, and what it left was taken back. */
async function failed(disk: { repairs: number }, before = disk.repairs): Promise<void> {
  while (disk.repairs === before) await turns(1);
  await turns();
}

describe("a journal in blocking mode", () => {
  it("lets appends wait while there is no room, and writes them in order once there is", async () => {
    const { directory, clock, disk, journal, calls } = await blocked();
    disk.full = true;
    const appended = ["a", "b", "c"].map((call) => journal.append(intent(call)));
    journal.enqueue(outcome("z"));
    await failed(disk);
    expect(await Promise.all(appended.map(stateOf))).toEqual(["waiting", "waiting", "waiting"]);
    const before = disk.repairs;
    const late = journal.append(intent("d"));
    await failed(disk, before);
    expect(await stateOf(late)).toBe("waiting");
    const quiet = disk.writes;
    await turns(200);
    expect(disk.writes).toBe(quiet); // it does not spin
    disk.full = false;
    await clock.advance(1000);
    await Promise.all([...appended, late]);
    expect(calls()).toEqual(["a", "b", "c", "z", "d"]);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 4 });
  });

  it("ends a wait with the signal's reason, and records nothing of it", async () => {
    const { clock, disk, journal, calls } = await blocked();
    disk.full = true;
    const controllers = [new AbortController(), new AbortController(), new AbortController()];
    const appended = controllers.map(({ signal }, index) => journal.append(intent(`a${index}`), signal));
    await failed(disk);
    const reason = new Error("enough");
    controllers[1]?.abort(reason);
    await expect(appended[1]).rejects.toBe(reason);
    disk.full = false;
    await clock.advance(1000);
    await Promise.all([appended[0], appended[2]]);
    expect(calls()).toEqual(["a0", "a2"]);
    controllers[0]?.abort(reason); // too late to matter
    await journal.append(intent("b"));
  });

  it("lets a write under way decide, and gives up after it if it fails", async () => {
    for (const full of [false, true]) {
      const { disk, journal, calls } = await blocked();
      const controller = new AbortController();
      let letGo: () => void = () => {};
      disk.gate = new Promise((resolve) => (letGo = resolve));
      disk.full = full;
      const reason = new Error("enough");
      const appended = journal.append(intent("a"), controller.signal);
      const settled = appended.then(
        () => "done",
        (error) => error,
      );
      await turns();
      controller.abort(reason);
      expect(await stateOf(appended)).toBe("waiting");
      letGo();
      expect(await settled).toBe(full ? reason : "done");
      disk.full = false;
      await journal.append(intent("b"));
      expect(calls()).toEqual(full ? ["b"] : ["a", "b"]);
    }
  });

  it("still counts what is dropped, and never drops who waits", async () => {
    const { clock, disk, journal, calls } = await blocked();
    disk.full = true;
    const appended = Array.from({ length: 10 }, (_, i) => journal.append(intent(`a${i}`)));
    for (let i = 0; i < 10; i++) journal.enqueue(outcome(`o${i}`));
    await failed(disk);
    expect(journal.dropped).toBe(10);
    disk.full = false;
    await clock.advance(1000);
    await Promise.all(appended);
    expect(calls()).toEqual(Array.from({ length: 10 }, (_, i) => `a${i}`));
  });

  it("refuses to open, to flush and to go on waiting for ever when it is closed", async () => {
    const { disk, journal } = await blocked();
    disk.full = true;
    const appended = failure(journal.append(intent("a")));
    await failed(disk);
    expect((await failure(journal.flush())).cause).toMatchObject({ code: "ENOSPC" });
    await journal.close();
    expect(await appended).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
    const full: JournalFiles = { ...nodeFiles, write: async () => 0 };
    const opening = await failure(openJournal(temporaryDirectory(), { mode: "blocking" }, full));
    expect(opening.code).toBe("ERR_AUDIT_UNAVAILABLE");
  });
});

describe("a journal in strict mode", () => {
  it("refuses at once where the blocking one waits", async () => {
    const { disk, journal } = await blocked("strict");
    disk.full = true;
    expect((await failure(journal.append(intent("a"), new AbortController().signal))).code).toBe(
      "ERR_AUDIT_UNAVAILABLE",
    );
  });
});
