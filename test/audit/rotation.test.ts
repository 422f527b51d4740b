import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FileJournalOptions } from "../../src/audit/file-journal-options.ts";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { unavailable } from "../../src/audit/unavailable.ts";
import { verifyJournal } from "../../src/audit/verify.ts";
import { simulatedClock } from "../../src/testing/simulated-clock.ts";
import { failure, intent, openJournal, outcome, temporaryDirectory, turns } from "./support.ts";

const dayMs = 86_400_000;
const segmentsIn = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .sort();
// biome-ignore lint/suspicious/noExplicitAny: stored lines are read back as plain JSON
const recordsOf = (directory: string): any[] =>
  segmentsIn(directory).flatMap((name) =>
    readFileSync(join(directory, name), "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  );
const callsOf = (directory: string) =>
  recordsOf(directory).flatMap(({ type, call }) => (type === "intent" ? [call] : []));

/** An intent that fills the smallest segment. */
const filling = (call: string) => intent(call, { input: "x".repeat(1024) });

/** A disk that fails to make files on demand. */
function stubborn() {
  const state = { creates: 0, made: 0 };
  const files: JournalFiles = {
    ...nodeFiles,
    async create(directory, name, content) {
      if (state.creates > 0) {
        state.creates--;
        throw unavailable(join(directory, name), Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
      }
      state.made++;
      await nodeFiles.create(directory, name, content);
    },
  };
  return { state, files };
}

describe("a journal that rotates by size", () => {
  it("acknowledges what filled a segment before the next is made, and goes on there", async () => {
    const directory = temporaryDirectory();
    let release: () => void = () => {};
    const files: JournalFiles = {
      ...nodeFiles,
      async create(at, name, content) {
        if (name === "00000002.jsonl") await new Promise<void>((resolve) => (release = resolve));
        await nodeFiles.create(at, name, content);
      },
    };
    const journal = await openJournal(directory, { segmentBytes: 1024 }, files);
    await journal.append(intent("a"));
    await journal.append(filling("b"));
    expect(segmentsIn(directory)).toEqual(["00000001.jsonl"]);
    const after = [journal.append(intent("c")), journal.append(intent("d"))];
    await turns();
    release();
    await Promise.all(after);
    expect(callsOf(directory)).toEqual(["a", "b", "c", "d"]);
    expect((await verifyJournal({ directory })).ok).toBe(true);
  });

  it("refuses while the next segment cannot be made, loses nothing, and recovers by itself", async () => {
    const directory = temporaryDirectory();
    const { state, files } = stubborn();
    const journal = await openJournal(directory, { segmentBytes: 1024 }, files);
    state.creates = 3;
    await journal.append(intent("a"));
    await journal.append(filling("b"));
    journal.enqueue(outcome("a"));
    const error = await failure(journal.append(intent("no")));
    expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: true });
    expect(error.message).toContain("00000002.jsonl: no space left");
    expect((await failure(journal.append(intent("no")))).cause).toMatchObject({ code: "ENOSPC" });
    await journal.append(intent("c"));
    await journal.close();
    expect(callsOf(directory)).toEqual(["a", "b", "c"]);
    expect(journal.dropped).toBe(0);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, outcomes: 1 });
  });

  it("is closed in good order with an open segment, however full the last one was", async () => {
    for (let count = 1; count < 6; count++) {
      const directory = temporaryDirectory();
      const journal = await openJournal(directory, { segmentBytes: 1024 });
      for (let i = 0; i < count; i++) await journal.append(intent(`a${i}`));
      await journal.close();
      expect((await verifyJournal({ directory })).status).toBe("ok");
    }
  });

  it("does not fill segments with what they took over alone", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory, { segmentBytes: 4096 });
    await Promise.all(Array.from({ length: 300 }, (_, i) => journal.append(intent(`a${i}`))));
    const before = segmentsIn(directory).length;
    for (let i = 0; i < 4; i++) await journal.append(intent(`b${i}`));
    expect(segmentsIn(directory).length - before).toBeLessThanOrEqual(1);
    await journal.close();
    const carried = recordsOf(directory).filter(({ type }) => type === "open");
    expect(carried.length).toBeGreaterThan(2);
    for (const { intents } of carried) expect(intents.length).toBeLessThanOrEqual(128);
    expect((await openJournal(directory)).unfinished).toHaveLength(304);
  });
});

describe("a journal that rotates by age", () => {
  const aging = async (options: Partial<FileJournalOptions> = {}) => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const open = () => openJournal(directory, { segmentAgeMs: 3_600_000, ...options }, nodeFiles, { clock });
    return { directory, clock, open };
  };

  it("closes a segment when its time has come, across restarts too", async () => {
    const { directory, clock, open } = await aging();
    let journal = await open();
    await clock.advance(3_000_000);
    await journal.append(intent("a"));
    await journal.close();
    journal = await open();
    await clock.advance(500_000);
    await journal.append(intent("b"));
    expect(segmentsIn(directory)).toHaveLength(1);
    await clock.advance(200_000);
    await journal.append(intent("c"));
    await journal.append(intent("d"));
    expect(segmentsIn(directory)).toHaveLength(2);
    await clock.advance(3_400_000);
    await journal.append(intent("e"));
    expect(segmentsIn(directory)).toHaveLength(2);
    await journal.close();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 5 });
  });

  it("closes a segment by itself while nobody records anything, and leaves an empty one open", async () => {
    const { directory, clock, open } = await aging();
    const journal = await open();
    await journal.append(intent("a", { at: clock.now() }));
    await clock.advance(3_599_000);
    expect(segmentsIn(directory)).toHaveLength(1);
    await clock.advance(2_000);
    expect(segmentsIn(directory)).toHaveLength(2);
    await clock.advance(40 * dayMs);
    expect(segmentsIn(directory)).toHaveLength(2);
    await journal.append(intent("b", { at: clock.now() }));
    expect(segmentsIn(directory)).toHaveLength(2); // an empty segment's time begins with its first record
    await clock.advance(3_599_000);
    expect(segmentsIn(directory)).toHaveLength(2);
    await clock.advance(2_000);
    expect(segmentsIn(directory)).toHaveLength(3);
    await journal.close();
    expect(clock.pending).toBe(0);
    expect(recordsOf(directory).filter(({ type }) => type === "end")).toHaveLength(2);
    expect(await verifyJournal({ directory })).toMatchObject({ status: "ok", intents: 2 });
  });

  it("closes a segment with the first record after its time where no timer could fire, as on a host that slept", async () => {
    const { directory, clock, open } = await aging();
    const journal = await open();
    await journal.append(intent("a", { at: clock.now() }));
    await journal.close();
    await clock.advance(3_700_000);
    const next = await open(); // its first record is the notice that it was opened
    await next.append(intent("b", { at: clock.now() }));
    expect(segmentsIn(directory)).toHaveLength(2);
    await next.close();
    expect(await verifyJournal({ directory })).toMatchObject({ status: "ok", segments: 2, intents: 2 });
  });

  it.each([
    ["write", "the line that closes the segment"],
    ["create", "the next segment"],
  ] as const)("tries again by itself while idle where the disk fails to %s %s", async (step, _) => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const state = { full: false, failed: 0 };
    const fail = () => {
      if (!state.full) return;
      state.failed++;
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    const files: JournalFiles = {
      ...nodeFiles,
      async write(...all) {
        if (step === "write") fail();
        return nodeFiles.write(...all);
      },
      async create(...all) {
        if (step === "create") fail();
        return nodeFiles.create(...all);
      },
    };
    const journal = await openJournal(directory, { segmentAgeMs: 3_600_000 }, files, { clock });
    await journal.append(intent("a", { at: clock.now() }));
    state.full = true;
    await clock.advance(4_000_000);
    expect(state.failed).toBeGreaterThan(3);
    expect(segmentsIn(directory)).toHaveLength(1);
    state.full = false;
    await clock.advance(60_000);
    expect(segmentsIn(directory)).toHaveLength(2);
    await clock.advance(dayMs);
    await journal.close();
    expect(segmentsIn(directory)).toHaveLength(2);
    expect(await verifyJournal({ directory })).toMatchObject({ status: "ok" });
  });

  it("does not heed jumps of the wall clock while it is open", async () => {
    const { directory, clock, open } = await aging();
    const journal = await open();
    for (const jump of [400 * dayMs, -900 * dayMs]) {
      clock.jump(jump);
      await journal.append(intent(`a${jump}`));
      expect(segmentsIn(directory)).toHaveLength(1);
    }
    await clock.advance(3_700_000);
    await journal.append(intent("b"));
    await journal.append(intent("c"));
    expect(segmentsIn(directory)).toHaveLength(2);
  });

  it("takes over no intent that is older than the resume window", async () => {
    const { directory, clock, open } = await aging({ resumeWindowMs: dayMs });
    const journal = await open();
    await journal.append(intent("old", { at: clock.now() }));
    await clock.advance(dayMs - 1000);
    await journal.append(intent("young", { at: clock.now() }));
    await clock.advance(3_700_000);
    await journal.close();
    const carried = recordsOf(directory)
      .filter(({ type }) => type === "open")
      .at(-1);
    expect(carried.intents.map(({ call }: { call: string }) => call)).toEqual(["young"]);
  });
});

describe("opening a journal that a crash left in the middle of a rotation", () => {
  /** A journal whose first segment is closed, and its files at each point of what followed. */
  async function closedFirst() {
    const directory = temporaryDirectory();
    const { state, files } = stubborn();
    const journal = await openJournal(directory, { segmentBytes: 1024 }, files);
    state.creates = Number.POSITIVE_INFINITY;
    await journal.append(intent("a"));
    await journal.append(filling("b"));
    await turns();
    journal.abandon();
    expect(segmentsIn(directory)).toEqual(["00000001.jsonl"]);
    return { directory, path: join(directory, "00000001.jsonl"), next: join(directory, "00000002.jsonl") };
  }

  async function goesOn(directory: string) {
    const journal = await openJournal(directory);
    expect(journal.unfinished.map(({ call }) => call)).toEqual(["a", "b"]);
    journal.enqueue(outcome("a"));
    await journal.append(intent("c"));
    expect(journal.unfinished.map(({ call }) => call)).toEqual(["b"]);
    await journal.close();
    expect(callsOf(directory)).toEqual(["a", "b", "c"]);
    expect(await verifyJournal({ directory })).toMatchObject({ status: "ok", unfinished: 2 });
    expect((await openJournal(directory)).unfinished.map(({ call }) => call)).toEqual(["b", "c"]);
  }

  it("makes the segment that should follow", async () => {
    const { directory } = await closedFirst();
    expect(await verifyJournal({ directory })).toMatchObject({ status: "incomplete", problem: { segment: 2 } });
    await goesOn(directory);
    expect(segmentsIn(directory)).toHaveLength(2);
  });

  it("begins the new segment anew where it was written in part, under its temporary name", async () => {
    const { directory, next } = await closedFirst();
    writeFileSync(`${next}.new`, '{"seq":4,"prev"');
    await goesOn(directory);
    expect(existsSync(`${next}.new`)).toBe(false);
  });

  it("goes on in a new segment that holds nothing but what it began with", async () => {
    const { directory, next } = await closedFirst();
    const other = await openJournal(directory);
    other.abandon();
    // All but what it began with: the header and what it took over.
    const lines = readFileSync(next, "utf8").split("\n");
    expect(lines.map((line) => /"type":"(\w+)"/.exec(line)?.[1])).toEqual(["header", "open", "notice", undefined]);
    writeFileSync(next, `${lines.slice(0, 2).join("\n")}\n`);
    await goesOn(directory);
  });

  it("cuts a closing line that was torn at any byte, and goes on in the same segment", async () => {
    const { directory, path } = await closedFirst();
    const whole = readFileSync(path);
    const end = whole.lastIndexOf(10, whole.length - 2) + 1;
    for (let bytes = end; bytes < whole.length; bytes += 7) {
      const copy = temporaryDirectory();
      for (const name of ["correlation.key"]) writeFileSync(join(copy, name), readFileSync(join(directory, name)));
      writeFileSync(join(copy, "00000001.jsonl"), whole.subarray(0, bytes));
      await goesOn(copy);
    }
  });

  it("refuses a new segment without the old one's end, which no crash leaves", async () => {
    const { directory, path } = await closedFirst();
    await (await openJournal(directory)).close();
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.lastIndexOf(10, whole.length - 2) + 1));
    expect((await failure(openJournal(directory))).code).toBe("ERR_AUDIT_CORRUPT");
    expect((await verifyJournal({ directory })).status).toBe("tampered");
  });
});

describe("a segment that is changed behind the journal's back", () => {
  it("is noticed after a rotation too", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory, { segmentBytes: 1024 });
    for (let i = 0; i < 5; i++) await journal.append(intent(`a${i}`));
    const last = join(directory, segmentsIn(directory).at(-1) as string);
    renameSync(last, `${last}.away`);
    expect((await failure(journal.append(intent("no")))).message).toContain("was removed or moved away");
    writeFileSync(last, readFileSync(`${last}.away`));
    expect((await failure(journal.append(intent("no")))).message).toContain("was replaced");
    rmSync(last);
    renameSync(`${last}.away`, last);
    await journal.append(intent("b"));
    await journal.close();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 6 });
  });
});
