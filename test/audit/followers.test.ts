import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JournalFeed, JournalFollower, JournalPosition } from "../../src/audit/feed.ts";
import { fileJournal } from "../../src/audit/file-journal.ts";
import { segmentName } from "../../src/audit/line.ts";
import { verifyJournal } from "../../src/audit/verify.ts";
import { context, failure, intent, openJournal, outcome, temporaryDirectory } from "./support.ts";

/** A follower that notes what happens to it. */
function noting(name: string, log: string[], more: Partial<{ startError: Error; closeError: Error }> = {}) {
  const seen: { feed?: JournalFeed; positions: JournalPosition[] } = { positions: [] };
  const follower: JournalFollower = {
    start(feed, journal, context) {
      if (more.startError !== undefined) throw more.startError;
      log.push(`${name} starts at ${feed.position.segment}`);
      seen.feed = feed;
      feed.onCommit(() => seen.positions.push(feed.position));
      return {
        async close() {
          journal.enqueue({ type: "notice", at: context.clock.now(), event: `${name} closes` });
          log.push(`${name} closes`);
          if (more.closeError !== undefined) throw more.closeError;
        },
      };
    },
  };
  return { follower, seen };
}

describe("a journal's feed", () => {
  it("tells the place of the last durable line after each commit, across segments", async () => {
    const directory = temporaryDirectory();
    const { follower, seen } = noting("a", []);
    const journal = await openJournal(directory, { segmentBytes: 1024, followers: [follower] });
    for (let i = 0; i < 6; i++) {
      await journal.append(intent(`a${i}`));
      const { segment, offset, seq, hash } = journal.feed.position;
      const text = readFileSync(join(directory, segmentName(segment)), "utf8");
      expect(offset).toBe(Buffer.byteLength(text));
      expect(JSON.parse(text.trimEnd().split("\n").at(-1) as string).seq).toBe(seq);
      expect(await verifyJournal({ directory, head: { seq, hash } })).toMatchObject({ status: "ok" });
    }
    const { positions } = seen;
    expect(positions.at(-1)).toEqual(journal.feed.position);
    expect(positions.length).toBeGreaterThan(6);
    for (const [index, { seq }] of positions.entries()) expect(seq).toBeGreaterThan(positions[index - 1]?.seq ?? -1);
    expect(journal.feed.position.segment).toBeGreaterThan(1);
    expect(journal.feed).toMatchObject({ directory, chain: expect.stringMatching(/^[\w-]+$/) });
  });

  it("ends with its subscription, and is not broken by who follows it", async () => {
    const journal = await openJournal(temporaryDirectory());
    let calls = 0;
    const throws = () => {
      calls++;
      throw new Error("a follower's mistake");
    };
    const [first, second] = [journal.feed.onCommit(throws), journal.feed.onCommit(throws)];
    await journal.append(intent("a"));
    expect(calls).toBe(2);
    first();
    first();
    await journal.append(intent("b"));
    expect(calls).toBe(3);
    second();
    await journal.append(intent("c"));
    expect(calls).toBe(3);
  });

  it("goes on where the last process left off", async () => {
    const directory = temporaryDirectory();
    const first = await openJournal(directory);
    await first.append(intent("a"));
    await first.close();
    const next = await openJournal(directory);
    expect(next.feed.chain).toBe(first.feed.chain);
    expect(next.feed.position.seq).toBe(first.feed.position.seq + 1); // "opened"
  });
});

describe("followers", () => {
  it("start once the journal is open, and are closed after everything is durable, while it still takes records", async () => {
    const directory = temporaryDirectory();
    const log: string[] = [];
    const followers = [noting("a", log).follower, noting("b", log).follower];
    const journal = await openJournal(directory, { followers });
    journal.enqueue(outcome("x"));
    await journal.close();
    expect(log).toEqual(["a starts at 1", "b starts at 1", "a closes", "b closes"]);
    const events = readFileSync(join(directory, segmentName(1)), "utf8").match(/"event":"[^"]+"|"type":"outcome"/g);
    expect(events).toEqual(['"event":"opened"', '"type":"outcome"', '"event":"a closes"', '"event":"b closes"']);
  });

  it("keep the journal from opening when one cannot start; those before it are closed, the directory is free", async () => {
    const directory = temporaryDirectory();
    const log: string[] = [];
    const mistake = new Error("no key");
    const followers = [noting("a", log).follower, noting("b", log, { startError: mistake }).follower];
    await expect(openJournal(directory, { followers })).rejects.toBe(mistake);
    expect(log).toEqual(["a starts at 1", "a closes"]);
    await openJournal(directory);
  });

  it("tell the caller of close what failed, once all are closed and the directory is free", async () => {
    const directory = temporaryDirectory();
    const log: string[] = [];
    const mistake = new Error("bucket is gone");
    const followers = [noting("a", log, { closeError: mistake }).follower, noting("b", log).follower];
    const journal = await fileJournal({ directory, followers }).open({
      ...context,
    });
    await expect(journal.close()).rejects.toBe(mistake);
    expect(log.at(-1)).toBe("b closes");
    await openJournal(directory);
  });

  it("are refused where they are none, naming the path", async () => {
    const bad: unknown[] = [{}, null, () => {}];
    for (const follower of bad) {
      const error = await failure(() => fileJournal({ directory: "/x", followers: [follower] } as never));
      expect(error).toMatchObject({
        code: "ERR_CONFIG_INVALID",
        message: expect.stringContaining("audit.followers[0]"),
      });
    }
  });
});
