import { describe, expect, it } from "vitest";
import { hints } from "../../src/circuit-breaker/hints.ts";
import { seededRandom } from "../../src/testing/index.ts";
import { fakeClock } from "./fake-clock.ts";
import { harness, irelandKey } from "./harness.ts";

const opened = { key: irelandKey, state: "open", pauseMs: 10_000, restMs: 8_000 } as const;
const closed = { key: irelandKey, state: "closed", pauseMs: 0, restMs: 0 } as const;

describe("a circuit and what others say of it", () => {
  it("tells what it found out itself, and nothing that it was told or that people did", async () => {
    const { breaker, news, trip, clock, succeed, fail } = harness();
    breaker.heed(opened, 0);
    clock.advance(8_000);
    breaker.open(irelandKey);
    breaker.close(irelandKey);
    breaker.heed(opened, 0);
    breaker.heed(closed, 0);
    expect(news).toEqual([]);
    await fail(); // its own trial
    expect(news).toEqual([{ ...opened, pauseMs: 20_000, restMs: 20_000 }]);
    clock.advance(20_000);
    await succeed();
    await trip();
    expect(news.slice(1)).toEqual([closed, { ...opened, pauseMs: 5_000, restMs: 5_000 }]);
  });

  it("is opened by no word older than what it knows, and by none while it is not closed", async () => {
    const { breaker, clock, succeed, begin, state, sent } = harness();
    clock.advance(60_000);
    await succeed();
    clock.advance(1_000);
    breaker.heed(opened, 1_001);
    expect(state()).toBe("closed");
    breaker.heed(opened, 999);
    expect(state()).toBe("open");
    breaker.heed({ ...opened, restMs: 100_000 }, 0); // makes no pause longer
    clock.advance(8_000);
    begin();
    expect(sent()).toBe(2);
    breaker.heed(opened, 0);
    expect(state()).toBe("halfOpen");
  });

  it("tries at once when another's trial has succeeded, unless it has failed since or was opened by hand", async () => {
    const { breaker, clock, trip, begin, sent } = harness();
    await trip();
    clock.advance(1_000);
    breaker.heed(closed, 1_001);
    begin();
    expect(sent()).toBe(10);
    breaker.heed(closed, 500);
    begin();
    expect(sent()).toBe(11);
    breaker.open(irelandKey);
    clock.advance(1_000);
    breaker.heed(closed, 0);
    begin();
    expect(sent()).toBe(11);
  });

  it("is not made known by word that it has closed", () => {
    const { breaker, states } = harness();
    breaker.heed(closed, 0);
    expect(states().size).toBe(0);
    breaker.close();
    breaker.heed(opened, 0);
    expect(states().size).toBe(0);
  });
});

describe("the hints in a document", () => {
  let made = 0;
  const board = (clock = fakeClock()) => {
    const heard: unknown[] = [];
    const random = seededRandom(++made);
    return { clock, heard, ...hints({ clock, random }, (news, ageMs) => heard.push({ ...news, ageMs })) };
  };

  it("are bounded in number, the newest kept, and one for each circuit", () => {
    const { announce, owed, seen, clock } = board();
    for (let i = 0; i < 300; i++) {
      announce({ ...opened, key: `aws|account-${i % 250}|eu-west-1|EC2` });
      clock.advance(1);
    }
    const written = owed(undefined) as { key: string }[];
    expect(written).toHaveLength(100);
    expect(new Set(written.map(({ key }) => key)).size).toBe(100);
    expect(written.at(-1)?.key).toBe("aws|account-49|eu-west-1|EC2");
    seen(written);
    expect(owed(written)).toBeUndefined();
  });

  it("leave out what is over, and what others have said already", () => {
    const clock = fakeClock();
    const [a, b] = [board(clock), board(clock)];
    a.announce(opened);
    const written = a.owed(undefined);
    clock.advance(500);
    b.announce({ ...opened, restMs: 8_400 });
    expect(b.owed(written)).toBeUndefined();
    b.announce({ ...opened, restMs: 60_000 }); // that is news
    expect(b.owed(written)).toMatchObject([{ restMs: 60_000 }]);
    a.announce({ ...opened, key: "aws|1|eu-west-1|EC2" });
    clock.advance(8_000);
    expect(a.owed(written)).toBeUndefined(); // all of it is over
  });

  it("are heeded once, grow older, and are never one's own", () => {
    const clock = fakeClock();
    const [a, b] = [board(clock), board(clock)];
    a.announce(opened);
    const written = a.owed(undefined);
    clock.advance(3_000);
    for (const { seen } of [a, b, b]) seen(written);
    expect(a.heard).toEqual([]);
    expect(b.heard).toMatchObject([{ ...opened, restMs: 5_000, ageMs: 3_000 }]);
  });

  it.each([[null], ["text"], [{}], [[null, 1, [], { key: "x" }]]])("are read from %o without a word", (extra) => {
    const { seen, owed, heard } = board();
    seen(extra);
    expect([owed(extra), heard]).toEqual([undefined, []]);
  });
});
