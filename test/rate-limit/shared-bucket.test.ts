import type { Lease, LeaseRequest } from "provider-guard";
import { describe, expect, it } from "vitest";
import { SharedBucket } from "../../src/rate-limit/shared-bucket.ts";
import { simulatedClock } from "../../src/testing/index.ts";

/** A shared bucket whose lender answers when the test says so. */
function sharedBucket(facts = { ratePerSecond: 100, burst: 80 }, replicas?: number) {
  const clock = simulatedClock();
  const asked: LeaseRequest[] = [];
  const answers: { resolve: (lease: Lease) => void; reject: (error: unknown) => void }[] = [];
  const state = { alone: false, changes: 0, signal: undefined as AbortSignal | undefined };
  const bucket = new SharedBucket({ name: "one", ...facts }, "one|key", {
    clock,
    borrower: "me",
    changed: () => {
      state.changes++;
    },
    lender: {
      replicas,
      get alone() {
        return state.alone;
      },
      lease(request, { signal } = {}) {
        state.signal = signal;
        asked.push(request);
        return new Promise((resolve, reject) => answers.push({ resolve, reject }));
      },
    },
  });
  const now = () => clock.monotonic();
  async function answer(lease: Partial<Lease>): Promise<void> {
    const held = asked.at(-1)?.held ?? 0;
    answers.shift()?.resolve({
      tokens: 0,
      kept: held,
      validMs: 1000,
      retryMs: 0,
      ratePerSecond: facts.ratePerSecond,
      pausedMs: 0,
      ...lease,
    });
    await clock.advance(0);
  }
  async function refuse(): Promise<void> {
    answers.shift()?.reject(new Error("down"));
    await clock.advance(0);
  }
  /** Takes single tokens while there are any. */
  function spend(most = Number.POSITIVE_INFINITY): number {
    let spent = 0;
    while (spent < most && bucket.has(1, now())) {
      bucket.take(1, now());
      spent++;
    }
    return spent;
  }
  return { bucket, clock, asked, answer, refuse, spend, now, state };
}

describe("a shared bucket", () => {
  it("has nothing before it borrowed, and then exactly what it was given", async () => {
    const { bucket, asked, answer, spend, now } = sharedBucket();
    expect(spend()).toBe(0);
    bucket.demand(1, 4, now());
    expect(asked).toMatchObject([
      { bucket: "one|key", borrower: "me", ratePerSecond: 100, burst: 80, held: 0, need: 1, want: 4 },
    ]);
    bucket.demand(1, 4, now());
    expect(asked).toHaveLength(1); // one request at a time
    await answer({ tokens: 4 });
    expect(spend()).toBe(4);
  });

  it("does not ask for so much that the bucket could not fill any more", async () => {
    const { bucket, asked, now } = sharedBucket();
    bucket.demand(1, 1000, now());
    expect(asked[0]?.want).toBe(10);
  });

  it("spends nothing after its lease has ended, counted from when it asked", async () => {
    const { bucket, clock, answer, spend, now } = sharedBucket();
    bucket.demand(1, 10, now());
    await clock.advance(600); // a slow answer
    await answer({ tokens: 10 });
    await clock.advance(399);
    expect(spend(1)).toBe(1);
    await clock.advance(1);
    expect(spend()).toBe(0);
    expect(bucket.state(now()).tokens).toBe(0);
  });

  it("spends nothing of an answer that comes after its lease has ended", async () => {
    const { bucket, clock, answer, spend, now } = sharedBucket();
    bucket.demand(1, 10, now());
    await clock.advance(1000);
    await answer({ tokens: 10 });
    expect(spend()).toBe(0);
  });

  it("drops what lapsed while it asked again, and renews what did not", async () => {
    const { bucket, clock, asked, answer, spend, now } = sharedBucket();
    bucket.demand(1, 10, now());
    await answer({ tokens: 10 });
    await clock.advance(900);
    bucket.demand(20, 20, now());
    expect(asked[1]).toMatchObject({ held: 10, need: 20 });
    await clock.advance(200); // the first ten lapse at 1000
    await answer({ tokens: 20 });
    expect(spend()).toBe(20);
    bucket.demand(5, 5, now());
    await answer({ tokens: 5 });
    bucket.demand(10, 10, now() + 30);
    await answer({ tokens: 0, kept: 3 });
    expect(spend()).toBe(3);
  });

  it("gives a token back only while the lender does not count it as spent", async () => {
    const { bucket, clock, answer, spend, now } = sharedBucket();
    bucket.demand(1, 10, now());
    await answer({ tokens: 10 });
    await clock.advance(1);
    const takenAt = now();
    expect(spend(2)).toBe(2);
    bucket.giveBack(1, takenAt, now());
    expect(bucket.state(now()).tokens).toBe(9);
    await clock.advance(50);
    bucket.demand(10, 10, now()); // reports nine unspent, one spent
    await answer({});
    bucket.giveBack(1, takenAt, now());
    expect(bucket.state(now()).tokens).toBe(9);
  });

  it("borrows the next slice before the last is spent, as much as it spent lately", async () => {
    const { bucket, clock, asked, answer, spend, now } = sharedBucket({ ratePerSecond: 10_000, burst: 10_000 });
    bucket.demand(1, 1000, now());
    await answer({ tokens: 1000 });
    await clock.advance(100);
    expect(spend(900)).toBe(900);
    bucket.demand(200, 200, now()); // a report, from which it learns its pace
    await answer({ tokens: 1000 });
    await clock.advance(30);
    expect(asked).toHaveLength(2);
    spend(700);
    expect(asked).toHaveLength(3);
    expect(asked[2]).toMatchObject({ need: 0 });
    expect(asked[2]?.want).toBeGreaterThanOrEqual(900);
  });

  it("tells the lender at once that the cloud throttles, and holds nothing any more", async () => {
    const { bucket, clock, asked, answer, spend, now } = sharedBucket();
    bucket.demand(1, 10, now());
    await answer({ tokens: 10 });
    await clock.advance(70);
    bucket.throttled(now(), now() - 50, 3000);
    expect(asked[1]).toMatchObject({ held: 0, need: 0, want: 0 });
    expect(asked[1]?.feedback).toEqual({ throttled: { admittedAgoMs: 50, retryAfterMs: 3000 } });
    await answer({ ratePerSecond: 50, pausedMs: 3000 });
    expect(spend()).toBe(0);
    expect(bucket.state(now())).toMatchObject({ ratePerSecond: 50, pausedMs: 3000 });
    bucket.demand(1, 1, now());
    expect(asked).toHaveLength(2); // nobody asks during the pause
  });

  it("does not use tokens that were lent before the throttled answer", async () => {
    const { bucket, clock, asked, answer, spend, now } = sharedBucket();
    bucket.demand(1, 10, now());
    await clock.advance(5);
    bucket.throttled(now(), now() - 100, 0);
    await answer({ tokens: 10 });
    expect(spend()).toBe(0);
    expect(asked[1]).toMatchObject({ held: 0, feedback: { throttled: { admittedAgoMs: 100 } } });
  });

  it("goes on with a failed report's feedback in the next", async () => {
    const { bucket, clock, asked, refuse, now } = sharedBucket();
    bucket.throttled(now(), now(), 0);
    await refuse();
    await clock.advance(300);
    bucket.demand(1, 1, now());
    expect(asked[1]?.feedback).toMatchObject({ throttled: { admittedAgoMs: 300 } });
  });

  it("expects what nobody knows to be there, until it hears that there is nothing", async () => {
    const { bucket, clock, answer, now } = sharedBucket();
    expect(bucket.likely(now())).toBe(80);
    bucket.demand(1, 10, now());
    await answer({ tokens: 4, retryMs: 500 });
    expect(bucket.likely(now())).toBe(4);
    await clock.advance(100);
    expect(bucket.likely(now())).toBe(14);
    await clock.advance(60_000);
    expect(bucket.likely(now())).toBe(80);
  });

  it("keeps what it holds through an outage of the store, shows the outage, and asks again after a while", async () => {
    const { bucket, clock, asked, answer, refuse, spend, now, state } = sharedBucket();
    bucket.demand(1, 10, now());
    await answer({ tokens: 10 });
    await clock.advance(100);
    bucket.demand(20, 20, now());
    await refuse();
    expect(bucket.state(now()).source).toBe("unreachable");
    expect(spend(1)).toBe(1);
    bucket.demand(20, 20, now());
    expect(asked).toHaveLength(2);
    expect(bucket.waitMs(20, now())).toBe(250);
    await clock.advance(250);
    bucket.demand(20, 20, now());
    expect(asked).toHaveLength(3);
    await answer({});
    expect(bucket.state(now()).source).toBe("shared");
    expect(state.changes).toBe(3); // whoever waits is told each time
  });

  it("goes on with its share while it is alone, where replicas were declared", async () => {
    const { bucket, clock, refuse, spend, now, state } = sharedBucket({ ratePerSecond: 30, burst: 30 }, 3);
    bucket.demand(1, 1, now());
    await refuse();
    expect(spend()).toBe(0);
    state.alone = true;
    expect(spend()).toBe(0); // from nothing
    expect(bucket.state(now())).toMatchObject({ source: "share", ratePerSecond: 10 });
    expect(bucket.waitMs(1, now())).toBe(100);
    await clock.advance(60_000);
    expect(spend()).toBe(10);
    await clock.advance(500);
    state.alone = false;
    expect(spend()).toBe(0); // what it had saved up alone ends with being alone
    state.alone = true;
    expect(spend()).toBe(0);
  });

  it("takes the cloud's word for what is left", async () => {
    const { bucket, asked, answer, spend, clock, now } = sharedBucket();
    bucket.demand(1, 10, now());
    await answer({ tokens: 10 });
    bucket.remaining(3, undefined, now());
    expect(spend()).toBe(3);
    await clock.advance(100);
    bucket.demand(1, 1, now());
    expect(asked[1]?.feedback).toEqual({ remaining: 3 });
    await answer({ tokens: 5 });
    bucket.remaining(0, 5000, now());
    expect(bucket.waitMs(1, now())).toBe(5000);
  });

  it("gives up its request when it is closed", () => {
    const { bucket, now, state } = sharedBucket();
    bucket.demand(1, 1, now());
    expect(state.signal?.aborted).toBe(false);
    bucket.close();
    expect(state.signal?.aborted).toBe(true);
  });
});
