import { describe, expect, it, vi } from "vitest";
import { requeueAfter } from "../../src/core/requeue-after.ts";
import { settled } from "../circuit-breaker/fake-clock.ts";
import { harness, hour, minute, second } from "./harness.ts";

describe("renewal ahead of the end", () => {
  it.each([
    // life, starts this long before the end
    [4 * minute, 2 * minute],
    [15 * minute, 5 * minute],
    [60 * minute, 15 * minute],
    [80 * minute, 15 * minute],
    [100 * minute, 50 * minute],
    [12 * hour, 60 * minute],
  ])("of a life of %i ms begins %i ms before its end, in the background", async (lifeMs, aheadMs) => {
    const { lease, source, clock, hold } = harness();
    await hold("a", lifeMs);
    clock.advance(lifeMs - aheadMs - 1);
    expect(lease.peek()?.value).toBe("a");
    expect(source.count).toBe(1);
    clock.advance(1);
    expect(lease.peek()?.value).toBe("a");
    expect(source.count).toBe(2);
    expect((await lease.get()).value).toBe("a"); // nobody waits
    await source.answer("b", lifeMs);
    expect(lease.peek()?.value).toBe("b");
    expect(source.count).toBe(2);
  });

  it("begins up to a tenth earlier or later, at random", async () => {
    for (const [random, aheadMs] of [
      [0, 13.5 * minute],
      [0.999_999_999, 16.5 * minute],
    ] as const) {
      const { lease, source, clock, hold } = harness({}, () => random);
      await hold("a", hour);
      clock.advance(hour - aheadMs - 100);
      lease.peek();
      expect(source.count).toBe(1);
      clock.advance(200);
      lease.peek();
      expect(source.count).toBe(2);
    }
  });

  it("is waited for in the last minute", async () => {
    const { lease, source, clock, hold, got } = harness();
    await hold("a", hour);
    clock.advance(hour - minute);
    expect(lease.peek()).toBeUndefined();
    const waiting = got();
    await source.answer("b", hour);
    expect(await waiting).toBe("b");
    expect(source.count).toBe(2);
  });

  it("is waited for only in the last tenth of a life shorter than ten minutes", async () => {
    const { lease, clock, hold } = harness();
    await hold("a", 50 * second);
    clock.advance(44 * second);
    expect(lease.peek()?.value).toBe("a");
    clock.advance(1 * second);
    expect(lease.peek()).toBeUndefined();
  });
});

describe("a source that fails while the held credential is valid", () => {
  it("costs nobody an error: the held one is served and an event is told", async () => {
    const { lease, source, clock, events, hold, got } = harness();
    await hold("a", hour);
    clock.advance(50 * minute);
    lease.peek();
    await source.fail();
    expect(lease.peek()?.value).toBe("a");
    expect(await got()).toBe("a");
    expect(events.at(-1)).toEqual({
      type: "failed",
      name: "sts",
      reason: "ServiceUnavailable",
      terminal: false,
      retryInMs: 5 * second,
      servingUntil: clock.now() + 10 * minute,
    });
  });

  it("is served even in the last minute, down to the last millisecond and not beyond", async () => {
    const { lease, source, clock, hold, got } = harness();
    await hold("a", hour);
    clock.advance(hour - 3 * second);
    const waiting = got();
    await source.fail();
    expect(await waiting).toBe("a");
    clock.advance(3 * second - 1);
    expect(lease.peek()?.value).toBe("a");
    expect(await got()).toBe("a");
    clock.advance(1);
    expect(lease.peek()).toBeUndefined();
    expect(await got()).toMatchObject({ code: "ERR_CREDENTIAL_UNAVAILABLE" });
  });

  it("may hang: in the last minute half of what is left is waited, then the held one is served", async () => {
    const { lease, source, clock, hold, got } = harness({ fetchTimeoutMs: hour });
    await hold("a", hour);
    clock.advance(hour - 40 * second);
    const waiting = Promise.all([got(), got()]);
    const ended = vi.fn();
    waiting.then(ended);
    clock.advance(20 * second - 1);
    await settled();
    expect(ended).not.toHaveBeenCalled();
    clock.advance(1);
    expect(await waiting).toEqual(["a", "a"]);
    expect(await got()).toBe("a"); // and nobody after them waits
    clock.advance(20 * second);
    const late = got();
    await source.answer("b", 2 * hour);
    expect(await late).toBe("b");
    expect(source.count).toBe(2);
    expect(clock.pending).toBe(0);

    clock.advance(2 * hour - 40 * second);
    const next = got(); // the next renewal has a wait of its own
    await source.answer("c", hour);
    expect(await next).toBe("c");
    expect(lease.peek()?.value).toBe("c");
    expect(clock.pending).toBe(0);
  });

  it("is asked again after 5 s, then at doubling pauses up to 5 min", async () => {
    const { lease, source, clock, hold } = harness();
    await hold("a", 12 * hour);
    clock.advance(11 * hour);
    lease.peek();
    for (const pause of [5, 10, 20, 40, 80, 160, 300, 300, 300]) {
      const before = source.count;
      await source.fail();
      clock.advance(pause * second - 1);
      lease.peek();
      expect(source.count).toBe(before);
      clock.advance(1);
      lease.peek();
      expect(source.count).toBe(before + 1);
    }
    await source.answer("b", 12 * hour);
    expect(lease.peek()?.value).toBe("b");
    clock.advance(11 * hour);
    lease.peek();
    const before = source.count;
    await source.fail();
    clock.advance(5 * second); // the count of failures started anew
    lease.peek();
    expect(source.count).toBe(before + 1);
  });

  it("is asked again up to a tenth earlier or later, at random", async () => {
    for (const [random, pause] of [
      [0, 4_500],
      [0.999_999_999, 5_500],
    ] as const) {
      const { lease, source, clock, events, hold } = harness({}, () => random);
      await hold("a", hour);
      clock.advance(50 * minute);
      lease.peek();
      await source.fail();
      expect(events.at(-1)).toMatchObject({ retryInMs: pause });
    }
  });

  it("is left alone for the longest pause when it said no for good", async () => {
    const denied = Object.assign(new Error("no"), { name: "AccessDenied", $metadata: { httpStatusCode: 403 } });
    const { lease, source, clock, events, hold } = harness();
    await hold("a", hour);
    clock.advance(46 * minute);
    lease.peek();
    await source.fail(denied);
    expect(lease.peek()?.value).toBe("a");
    expect(events.at(-1)).toMatchObject({ reason: "AccessDenied", terminal: true, retryInMs: 5 * minute });
  });
});

describe("a source that fails while nothing valid is held", () => {
  it("gives each who waits an error that says why and when to look again", async () => {
    const { source, got } = harness();
    const waiting = [got(), got()];
    const cause = Object.assign(new Error("hunter2-canary"), { code: "ECONNREFUSED" });
    await source.fail(cause);
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({
        code: "ERR_CREDENTIAL_UNAVAILABLE",
        message: "sts: no valid credential could be fetched (ECONNREFUSED)",
        retryable: true,
        requeueAfterMs: 5 * second,
        cause,
      });
    }
    expect(source.count).toBe(1);
  });

  it("is spared during the pause and asked again after it: no error is kept", async () => {
    const { source, clock, got } = harness();
    let waiting = got();
    await source.fail();
    await waiting;
    clock.advance(2 * second);
    expect(await got()).toMatchObject({ requeueAfterMs: 3 * second });
    expect(source.count).toBe(1);
    clock.advance(3 * second);
    waiting = got();
    expect(source.count).toBe(2);
    await source.answer("a", hour);
    expect(await waiting).toBe("a");
  });

  it("is asked at once when the held one ends, however long the pause that had begun", async () => {
    const { lease, source, clock, hold, got } = harness();
    await hold("a", hour);
    clock.advance(58 * minute);
    lease.peek();
    await source.fail({ status: 403 }); // a pause of 5 min
    clock.advance(2 * minute - 1);
    expect(lease.peek()?.value).toBe("a");
    expect(source.count).toBe(2);
    clock.advance(1);
    const waiting = got();
    expect(source.count).toBe(3);
    await source.answer("b", hour);
    expect(await waiting).toBe("b");
  });

  it.each([
    ["a status of 401", { status: 401 }],
    ["a response of 403", { response: { status: 403 } }],
    ["a statusCode of 403", { statusCode: 403 }],
    ["an OAuth refusal", { error: "invalid_grant" }],
  ])("asks nobody to wait after %s", async (_what, error) => {
    const { source, got } = harness();
    const waiting = got();
    await source.fail(error);
    const failure = await waiting;
    expect(failure).toMatchObject({ code: "ERR_CREDENTIAL_UNAVAILABLE", retryable: false });
    expect(requeueAfter(failure)).toBeUndefined();
  });

  it("lets the caller judge what is for good, and survives a judge that throws", async () => {
    const revoked = harness({ isTerminal: (error) => (error as Error).message === "revoked" });
    let waiting = revoked.got();
    await revoked.source.fail(new Error("revoked"));
    expect(await waiting).toMatchObject({ retryable: false });

    const confused = harness({
      isTerminal() {
        throw new Error("cannot cope");
      },
    });
    waiting = confused.got();
    await confused.source.fail();
    expect(await waiting).toMatchObject({ retryable: true });
  });

  it("counts a throw before any promise as a failure", async () => {
    const { got } = harness({
      fetch() {
        throw new RangeError("at once");
      },
    });
    expect(await got()).toMatchObject({ message: "sts: no valid credential could be fetched (RangeError)" });
  });
});
