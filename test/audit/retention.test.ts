import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JournalFollower } from "../../src/audit/feed.ts";
import type { FileJournalOptions } from "../../src/audit/file-journal-options.ts";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { verifyJournal } from "../../src/audit/verify.ts";
import { simulatedClock } from "../../src/testing/simulated-clock.ts";
import { intent, openJournal, outcome, temporaryDirectory } from "./support.ts";

const dayMs = 86_400_000;
const segmentsIn = (directory: string) =>
  readdirSync(directory)
    .flatMap((name) => (/^(\d+)\.jsonl$/.test(name) ? Number.parseInt(name, 10) : []))
    .sort((a, b) => a - b);
const path = (directory: string, segment: number) => join(directory, `${String(segment).padStart(8, "0")}.jsonl`);
// biome-ignore lint/suspicious/noExplicitAny: stored lines are read back as plain JSON
const linesOf = (directory: string): any[] =>
  segmentsIn(directory).flatMap((segment) =>
    readFileSync(path(directory, segment), "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  );

async function journalOn(options: Partial<FileJournalOptions>, files: JournalFiles = nodeFiles) {
  const directory = temporaryDirectory();
  const clock = simulatedClock();
  const open = (more: Partial<FileJournalOptions> = {}) =>
    openJournal(directory, { segmentBytes: 1024, segmentAgeMs: 1e12, ...options, ...more }, files, { clock });
  const journal = await open();
  let count = 0;
  /** Fills one segment and begins the next. */
  const fill = async () => {
    const at = journal.feed.position.segment;
    while (journal.feed.position.segment === at) {
      const call = `c${count++}`;
      await journal.append(intent(call, { at: clock.now() }));
      journal.enqueue(outcome(call, { at: clock.now() }));
      await journal.flush();
    }
  };
  return { directory, clock, open, journal, fill };
}

/** A follower that has delivered so much. */
function shipper(through = 0) {
  const state = { through };
  const follower: JournalFollower = {
    start: () => ({ close: async () => {}, shippedThrough: () => state.through }),
  };
  return { state, follower };
}

describe("retention", () => {
  it("keeps everything unless it is told", async () => {
    const { directory, clock, journal, fill } = await journalOn({});
    for (let i = 0; i < 5; i++) await fill();
    await clock.advance(4000 * dayMs);
    await journal.close();
    expect(segmentsIn(directory)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("removes segments that were closed long ago, and records which before it does", async () => {
    const { directory, clock, journal, fill } = await journalOn({ keep: { days: 2 } });
    await fill();
    await fill();
    const [, second] = [1, 2].map((segment) => readFileSync(path(directory, segment), "utf8"));
    const end = JSON.parse((second as string).trimEnd().split("\n").at(-1) as string);
    await clock.advance(dayMs);
    await fill();
    await clock.advance(1.5 * dayMs);
    await fill();
    await journal.close();
    expect(segmentsIn(directory)).toEqual([3, 4, 5]);
    const header = JSON.parse(readFileSync(path(directory, 3), "utf8").split("\n")[0] as string);
    const [notice, ...more] = linesOf(directory).filter(({ event }) => event === "retention");
    expect(notice.details).toEqual({ from: 1, through: 2, seq: end.seq, hash: header.prev });
    expect(more).toEqual([]);
  });

  it("removes by itself what has become too old while nobody records anything, and makes no segment for its notices", async () => {
    const { directory, clock, journal, fill } = await journalOn({ keep: { days: 2 }, segmentAgeMs: dayMs / 4 });
    for (let i = 0; i < 4; i++) {
      await fill();
      await clock.advance(dayMs / 8);
    }
    const before = segmentsIn(directory);
    expect(before[0]).toBe(1);
    await clock.advance(1.4 * dayMs); // the first was closed 1.9 days ago
    expect(segmentsIn(directory)[0]).toBe(1);
    await clock.advance(0.11 * dayMs);
    expect(segmentsIn(directory)[0]).toBe(2);
    await clock.advance(30 * dayMs);
    const [left, ...more] = segmentsIn(directory);
    expect(more).toEqual([]);
    expect(left).toBeLessThanOrEqual((before.at(-1) as number) + 1); // what was written last was closed once
    await journal.close();
    expect(clock.pending).toBe(0);
    const notices = linesOf(directory).filter(({ event }) => event === "retention");
    expect(notices.length).toBeGreaterThan(2);
    expect(notices.at(-1).details.through).toBe((left as number) - 1);
    expect((await verifyJournal({ directory })).problem?.what).toContain("Retention removed");
  });

  it("removes, an hour later at the latest, what a follower has delivered while nobody records anything", async () => {
    const slow = shipper(0);
    const { directory, clock, journal, fill } = await journalOn({ keep: { bytes: 1 }, followers: [slow.follower] });
    for (let i = 0; i < 3; i++) await fill();
    await clock.advance(dayMs);
    expect(segmentsIn(directory)).toEqual([1, 2, 3, 4]);
    slow.state.through = 3;
    await clock.advance(3_600_000);
    expect(segmentsIn(directory)).toEqual([4]);
    await journal.close();
  });

  it("removes the oldest while all are larger than they may be, and never the one that is written", async () => {
    const { directory, journal, fill } = await journalOn({ keep: { bytes: 6000 } });
    for (let i = 0; i < 8; i++) await fill();
    await journal.close();
    const left = segmentsIn(directory);
    expect(left.at(-1)).toBe(9);
    expect(left.length).toBeGreaterThan(1);
    expect(left.length).toBeLessThan(6);
    const tiny = await journalOn({ keep: { bytes: 1 } });
    for (let i = 0; i < 3; i++) await tiny.fill();
    await tiny.journal.close();
    expect(segmentsIn(tiny.directory)).toEqual([4]);
    expect((await openJournal(tiny.directory)).unfinished).toEqual([]);
  });

  it("removes nothing that a follower has yet to deliver, whoever else has", async () => {
    const [slow, fast] = [shipper(0), shipper(100)];
    const { directory, journal, fill, open } = await journalOn({
      keep: { bytes: 1 },
      followers: [fast.follower, slow.follower],
    });
    for (let i = 0; i < 4; i++) await fill();
    expect(segmentsIn(directory)).toEqual([1, 2, 3, 4, 5]);
    slow.state.through = 2;
    await journal.close();
    await (await open()).close(); // looked at when it opens, too
    expect(segmentsIn(directory).slice(0, 3)).toEqual([3, 4, 5]);
  });

  it("loses no open intent of the resume window with the segment that holds it", async () => {
    const { directory, clock, journal, fill, open } = await journalOn({ keep: { bytes: 1 } });
    await journal.append(intent("lost", { at: clock.now(), token: "t", fingerprint: "f" }));
    for (let i = 0; i < 4; i++) await fill();
    await journal.close();
    expect(segmentsIn(directory)).toEqual([5]);
    const next = await open();
    expect(next.unfinished).toMatchObject([{ call: "lost", token: "t", fingerprint: "f", service: "EC2" }]);
    await next.append(intent("again", { at: clock.now(), token: "t" }));
    next.enqueue(outcome("again"));
    await next.flush();
    expect(next.unfinished).toEqual([]);
    await next.close();
    expect(await verifyJournal({ directory })).toMatchObject({ unfinished: 0 });
  });

  it("tries again later what it could not do, and goes on recording", async () => {
    const state = { room: true };
    const files: JournalFiles = {
      ...nodeFiles,
      async write(fd, bytes, offset, length, position) {
        const text = Buffer.from(bytes.buffer, bytes.byteOffset, length).toString();
        if (!state.room && text.includes('"event":"retention"')) throw Object.assign(new Error(), { code: "ENOSPC" });
        return nodeFiles.write(fd, bytes, offset, length, position);
      },
    };
    const { directory, journal, fill, open } = await journalOn({ keep: { bytes: 1 } }, files);
    state.room = false;
    await fill();
    let refused: unknown;
    while (refused === undefined) await journal.append(intent("c")).catch((error) => (refused = error));
    expect(refused).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: true });
    expect(segmentsIn(directory)).toContain(1); // no record, no removal
    state.room = true;
    await journal.append(intent("yes"));
    await fill();
    await journal.close();
    await (await open()).close();
    expect(segmentsIn(directory)).not.toContain(1);
    expect((await verifyJournal({ directory })).status).toBe("incomplete");
  });
});

describe("verification of a journal whose oldest segments were removed", () => {
  async function removed() {
    const { directory, journal, fill, open } = await journalOn({});
    for (let i = 0; i < 4; i++) await fill();
    await journal.close();
    const early = (await verifyJournal({ directory })).head;
    const headers = [1, 2, 3, 4].map((segment) =>
      JSON.parse(readFileSync(path(directory, segment + 1), "utf8").split("\n")[0] as string),
    );
    const shipped = shipper(2);
    const next = await open({ segmentBytes: 4096, keep: { bytes: 1 }, followers: [shipped.follower] });
    await next.close();
    expect(segmentsIn(directory)).toEqual([3, 4, 5]);
    const pinAt = (segment: number) => {
      const { seq, hash } = headers[segment - 1].follows;
      return { seq, hash };
    };
    return { directory, early, pinAt, open };
  }

  it("is incomplete, and says what is missing, unless a pinned head covers the beginning", async () => {
    const { directory, early, pinAt } = await removed();
    expect(await verifyJournal({ directory })).toMatchObject({
      status: "incomplete",
      ok: false,
      pinned: false,
      firstSegment: 3,
      segments: 3,
      problem: { segment: 1, what: expect.stringContaining("Retention removed") },
    });
    const ok = { status: "ok", pinned: true };
    if (early === undefined) throw new Error("no head");
    expect(await verifyJournal({ directory, head: early })).toMatchObject(ok);
    expect(await verifyJournal({ directory, head: pinAt(2) })).toMatchObject(ok); // the last line that was removed
    expect(await verifyJournal({ directory, head: pinAt(3) })).toMatchObject(ok);
    expect(await verifyJournal({ directory, head: pinAt(1) })).toMatchObject({ status: "incomplete", pinned: false });
  });

  it("is tampered where the pinned head is another, at the beginning or later", async () => {
    const { directory, pinAt } = await removed();
    for (const segment of [2, 3, 4]) {
      const pin = { ...pinAt(segment), hash: pinAt(1).hash };
      expect(await verifyJournal({ directory, head: pin })).toMatchObject({ status: "tampered" });
    }
  });

  it("is tampered where more is missing than the record names", async () => {
    const { directory, early } = await removed();
    rmSync(path(directory, 3));
    for (const head of [undefined, early]) {
      const found = await verifyJournal({ directory, ...(head === undefined ? {} : { head }) });
      expect(found).toMatchObject({
        status: "tampered",
        problem: { expected: expect.stringContaining("segment 3"), actual: expect.stringContaining("segment 2") },
      });
    }
  });

  it("is what it was before where a crash came between record and removal", async () => {
    const { directory, early, open } = await removed();
    const kept = readFileSync(path(directory, 3));
    const shipped = shipper(3);
    await (await open({ segmentBytes: 8192, keep: { bytes: 1 }, followers: [shipped.follower] })).close();
    expect(segmentsIn(directory)).toEqual([4, 5]);
    writeFileSync(path(directory, 3), kept); // as if it had not been removed yet
    if (early === undefined) throw new Error("no head");
    expect(await verifyJournal({ directory, head: early })).toMatchObject({ status: "ok", firstSegment: 3 });
  });
});
