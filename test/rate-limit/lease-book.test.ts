import type { LeaseRequest } from "provider-guard";
import { describe, expect, it } from "vitest";
import { lend, newPage } from "../../src/rate-limit/lease-book.ts";
import { attend, noMembers, type Pool } from "../../src/rate-limit/membership.ts";

const leaseMs = 1000;
const limit = { bucket: "one", ratePerSecond: 10, burst: 10 };

/** A bucket that has been full for long, and whoever asks it. */
function book(terms: { replicas?: number } = {}) {
  const page = newPage(Number.NEGATIVE_INFINITY);
  const members = noMembers();
  function ask(replica: string, now: number, rest: Partial<LeaseRequest> = {}) {
    const pool: Pool | undefined =
      terms.replicas === undefined ? undefined : attend(members, replica, now, leaseMs, terms.replicas);
    return lend(page, replica, { ...limit, held: 0, need: 1, want: 1, ...rest }, now, { leaseMs, pool });
  }
  return { page, ask };
}

describe("the lease book", () => {
  it("counts what is lent and unspent against the burst: it cannot be saved up twice", () => {
    const { ask } = book();
    expect(ask("a", 0, { want: 10 }).tokens).toBe(10);
    expect(ask("a", 900, { held: 10, need: 0, want: 0 }).kept).toBe(10);
    expect(ask("b", 950)).toMatchObject({ tokens: 0 });
  });

  it("begins to refill what was lent when it hears that it was spent, or when the lease has ended", () => {
    const { ask } = book();
    ask("a", 0, { want: 10 });
    expect(ask("a", 500, { need: 0, want: 0 }).tokens).toBe(0); // all of it is spent, some perhaps just now
    expect(ask("b", 800, { want: 10 }).tokens).toBe(3);
    const crashed = book();
    crashed.ask("a", 0, { want: 10 });
    expect(crashed.ask("b", 999, { want: 10 }).tokens).toBe(0);
    expect(crashed.ask("b", 1300, { want: 10 }).tokens).toBe(3);
  });

  it("lends whole calls, and says when to ask again", () => {
    const { ask } = book();
    ask("a", 0, { want: 10 });
    ask("a", 0, { need: 0, want: 0 });
    expect(ask("b", 350, { need: 2, want: 9 })).toMatchObject({ tokens: 2 });
    expect(ask("b", 350, { held: 0, need: 3 })).toMatchObject({ tokens: 0, retryMs: 150 });
    expect(ask("c", 350, { need: 0, want: 5 })).toMatchObject({ tokens: 0, retryMs: 0 });
  });

  it("serves replicas in the order in which they began to wait, so that a heavy call is not starved", () => {
    const { ask } = book();
    ask("a", 0, { want: 10 });
    ask("a", 0, { need: 0, want: 0 });
    expect(ask("heavy", 100, { need: 8 }).retryMs).toBe(500); // asked again at least twice a lease
    expect(ask("light", 200)).toMatchObject({ tokens: 0, retryMs: 500 });
    expect(ask("heavy", 600, { need: 8 }).tokens).toBe(0);
    expect(ask("light", 700).tokens).toBe(0);
    expect(ask("heavy", 800, { need: 8 }).tokens).toBe(8);
    expect(ask("light", 901).tokens).toBe(1);
  });

  it("waits no longer for a replica that does not come back", () => {
    const { ask } = book();
    ask("a", 0, { want: 10 });
    ask("a", 0, { need: 0, want: 0 });
    ask("heavy", 1, { need: 10 });
    expect(ask("light", 1500).tokens).toBe(0);
    expect(ask("light", 1501).tokens).toBe(1);
  });

  it("learns from throttled answers for everybody, once for those that were under way together", () => {
    const { ask } = book();
    ask("a", 0, { want: 1 });
    ask("b", 0, { want: 1 });
    const throttled = { admittedAgoMs: 100, retryAfterMs: 2000 };
    expect(ask("a", 100, { need: 0, want: 0, feedback: { throttled } })).toMatchObject({
      ratePerSecond: 5,
      pausedMs: 2000,
    });
    expect(ask("b", 101, { need: 0, want: 0, feedback: { throttled } }).ratePerSecond).toBe(5);
    expect(ask("c", 500)).toMatchObject({ tokens: 0, ratePerSecond: 5, pausedMs: 1601 });
    expect(ask("c", 2200).tokens).toBe(1);
    expect(ask("c", 4100, { need: 0, want: 0, feedback: { succeeded: true } }).ratePerSecond).toBeCloseTo(9);
    expect(ask("c", 60_000, { need: 0, want: 0, feedback: { succeeded: true } }).ratePerSecond).toBe(10);
  });

  it("believes the cloud about what is left, less what is lent", () => {
    const { page, ask } = book();
    ask("a", 0, { want: 2 });
    ask("b", 0, { need: 0, want: 0, feedback: { remaining: 5 } });
    expect(page.tokens).toBe(3);
    ask("b", 0, { need: 0, want: 0, feedback: { remaining: 500 } });
    expect(page.tokens).toBe(3);
  });

  it("lets time stand still where the clock went back", () => {
    const { ask } = book();
    ask("a", 10_000, { want: 10 });
    ask("a", 10_000, { need: 0, want: 0 });
    expect(ask("a", 4_000).tokens).toBe(0);
    expect(ask("a", 10_050).tokens).toBe(0);
    expect(ask("a", 10_100).tokens).toBe(1);
  });

  it("keeps nothing of replicas that neither hold nor wait", () => {
    const { page, ask } = book();
    for (let i = 0; i < 100; i++) ask(`r${i}`, i * 10, { want: 1 });
    ask("last", 5_000, { need: 0, want: 0 });
    expect(page.borrowers).toEqual({});
  });
});

describe("the lease book of replicas that were declared", () => {
  it("lends the parts of those who are there", () => {
    const { ask } = book({ replicas: 2 });
    ask("a", 0);
    expect(ask("a", 900, { want: 10 }).tokens).toBe(4); // half of the burst, all filled since it came, less the one
    ask("b", 1000, { need: 0, want: 0 });
    expect(ask("b", 1500, { want: 10 }).tokens).toBe(5); // both halves of the rate
  });

  it("starts from nothing when somebody comes: it may have spent its part alone", () => {
    const { ask } = book({ replicas: 2 });
    ask("a", 0, { need: 0, want: 0 });
    expect(ask("b", 500, { want: 10 }).tokens).toBe(0);
    expect(ask("a", 600, { want: 10 }).tokens).toBe(0); // the one that b waits for comes first
    expect(ask("b", 700, { want: 10 }).tokens).toBe(2);
  });

  it("takes back what is too much once somebody is gone", () => {
    const { ask } = book({ replicas: 2 });
    ask("a", 0, { need: 0, want: 0 });
    ask("b", 0, { need: 0, want: 0 });
    expect(ask("a", 900, { want: 10 }).tokens).toBe(9);
    expect(ask("a", 1000, { held: 9, need: 0, want: 0 })).toMatchObject({ kept: 5, tokens: 0 });
  });
});
