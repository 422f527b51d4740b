import { describe, expect, it } from "vitest";
import { circuitKey } from "../../src/circuit-breaker/circuit-key.ts";
import type { CircuitBreakerOptions } from "../../src/circuit-breaker/options.ts";
import { isGuardError } from "../../src/core/errors.ts";
import { requeueAfter } from "../../src/core/requeue-after.ts";
import { harness, ireland, irelandKey, makeCall } from "./harness.ts";

const frankfurt = { ...ireland, region: "eu-central-1" };

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
}

describe("a closed circuit", () => {
  it("returns the very promise of the request", () => {
    const { breaker } = harness();
    const wire = Promise.resolve("answer");
    const attempt = { call: makeCall(), answer: undefined } as never;
    expect(breaker.intercept(attempt, () => wire)).toBe(wire);
  });

  it("passes the SDK's own error on, untouched", async () => {
    const { begin } = harness();
    const error = new TypeError("socket hang up");
    const request = begin();
    await request.fail({ class: "unknown" }, error);
    expect(await rejection(request.result)).toBe(error);
  });

  it("opens above the threshold, not at it", async () => {
    const { succeed, fail, state } = harness();
    for (let i = 0; i < 10; i++) await succeed();
    for (let i = 0; i < 10; i++) await fail();
    expect(state()).toBe("closed"); // 10 of 20
    await fail();
    expect(state()).toBe("open");
  });

  it("counts successes from before the first failure", async () => {
    const { succeed, fail, state } = harness();
    for (let i = 0; i < 30; i++) await succeed();
    for (let i = 0; i < 30; i++) await fail();
    expect(state()).toBe("closed");
    await fail();
    expect(state()).toBe("open");
  });

  it("forgets what has moved out of the window, failures and successes alike", async () => {
    const { succeed, fail, state, clock } = harness();
    for (let i = 0; i < 9; i++) await fail();
    clock.advance(15_000);
    for (let i = 0; i < 9; i++) await succeed();
    clock.advance(15_000); // the failures are gone
    for (let i = 0; i < 9; i++) await fail();
    expect(state()).toBe("closed"); // 9 of 18
    clock.advance(15_000); // the successes are gone
    await fail();
    expect(state()).toBe("open"); // 10 of 10
  });

  it("forgets the old while new failures and successes keep coming", async () => {
    const { succeed, fail, state, clock } = harness();
    for (let i = 0; i < 5; i++) await fail();
    clock.advance(15_000);
    for (let i = 0; i < 4; i++) await fail();
    clock.advance(15_000); // the first five are gone
    for (let i = 0; i < 5; i++) await fail();
    expect(state()).toBe("closed"); // 9 of 9, one short of the minimum

    const busy = { ...ireland, service: "S3" };
    for (let i = 0; i < 30; i++) await succeed(busy);
    for (let slice = 0; slice < 10; slice++) {
      clock.advance(3_000);
      await succeed(busy);
    }
    for (let i = 0; i < 11; i++) await fail(busy);
    expect(state(circuitKey(busy))).toBe("open"); // 11 of 21, without the first 30
  });

  it("makes up for turns that a blocked event loop missed", async () => {
    const { fail, state, clock } = harness();
    for (let i = 0; i < 9; i++) await fail();
    clock.block(60_000);
    clock.advance(0);
    for (let i = 0; i < 9; i++) await fail();
    expect(state()).toBe("closed");
  });

  it("refuses the very next call once it has opened", async () => {
    const { begin, fail, sent } = harness();
    for (let i = 0; i < 9; i++) await fail();
    const last = begin();
    const reaction = last.result.catch(() => rejection(begin().result));
    await last.fail();
    expect(isGuardError(await reaction)).toBe(true);
    expect(sent()).toBe(10);
  });
});

describe("an open circuit", () => {
  it("refuses before anything is sent, and says when to look again", async () => {
    const { trip, begin, clock, sent } = harness();
    await trip();
    clock.advance(2_000);
    const refused = begin();
    const error = await rejection(refused.result);
    expect(error).toMatchObject({ code: "ERR_CIRCUIT_OPEN", retryable: true, requeueAfterMs: 3_000 });
    expect(requeueAfter(error)).toBe(3_000);
    expect(refused.call.decisions).toEqual([
      { phase: "break", by: "circuit-breaker", verdict: "refuse", code: "ERR_CIRCUIT_OPEN" },
    ]);
    expect(sent()).toBe(10);
  });

  it("stays shut for the whole pause and lets one trial through after it", async () => {
    const { trip, begin, clock, sent, state } = harness();
    await trip();
    clock.advance(4_999);
    begin();
    expect(sent()).toBe(10);
    expect(state()).toBe("open");
    clock.advance(1);
    begin();
    begin();
    begin();
    expect(sent()).toBe(11);
    expect(state()).toBe("halfOpen");
  });

  it("stays shut for as long as the service asked, up to the longest pause", async () => {
    const { begin, fail, clock, sent } = harness({ maxOpenMs: 60_000 });
    for (let i = 0; i < 9; i++) await fail();
    await begin().fail({ class: "outage", status: 503, retryAfterMs: 3_600_000 });
    clock.advance(59_999);
    begin();
    expect(sent()).toBe(10);
    clock.advance(1);
    begin();
    expect(sent()).toBe(11);
  });

  it("keeps its neighbours in other regions, accounts and services closed", async () => {
    const { trip, begin, sent, state } = harness();
    await trip();
    const others = [frankfurt, { ...ireland, account: "210987654321" }, { ...ireland, service: "ELB" }];
    for (const target of others) begin(target);
    expect(sent()).toBe(10 + others.length);
    expect(others.map((target) => state(circuitKey(target)))).toEqual(["closed", "closed", "closed"]);
  });

  it("ignores a success of a request from before the opening", async () => {
    const { begin, trip, state } = harness();
    const stale = begin();
    await trip();
    await stale.succeed();
    expect(state()).toBe("open");
  });

  it("is measured on the monotonic clock: a jump of the wall clock opens nothing early", async () => {
    const { trip, begin, clock, sent } = harness();
    await trip();
    clock.jumpWall(3_600_000);
    begin();
    expect(sent()).toBe(10);
  });
});

describe("a half-open circuit", () => {
  it("closes when a trial succeeds, and starts with an empty window", async () => {
    const { trip, succeed, fail, clock, state } = harness();
    await trip();
    clock.advance(5_000);
    await succeed();
    expect(state()).toBe("closed");
    for (let i = 0; i < 9; i++) await fail();
    expect(state()).toBe("closed");
  });

  it("doubles the pause with each failed trial, up to the longest, and starts anew after closing", async () => {
    const { trip, fail, succeed, begin, clock, state } = harness({ maxOpenMs: 30_000 });
    await trip();
    for (const pause of [5_000, 10_000, 20_000, 30_000, 30_000]) {
      expect(await rejection(begin().result)).toMatchObject({ requeueAfterMs: pause });
      clock.advance(pause);
      await fail();
      expect(state()).toBe("open");
    }
    clock.advance(30_000);
    await succeed();
    await trip();
    expect(await rejection(begin().result)).toMatchObject({ requeueAfterMs: 5_000 });
  });

  it("shortens each pause at random by up to a fifth, never lengthens it", async () => {
    const pauses: number[] = [];
    for (const random of [0, 0.5, 0.999_999]) {
      const { trip, begin } = harness({}, () => random);
      await trip();
      const error = await rejection(begin().result);
      pauses.push(isGuardError(error) ? (error.requeueAfterMs ?? 0) : 0);
    }
    expect(pauses).toEqual([4_000, 4_500, 5_000]);
  });

  it("lets as many trials through at once as it was told", async () => {
    const { trip, begin, clock, sent } = harness({ trials: 3 });
    await trip();
    clock.advance(5_000);
    const trials = Array.from({ length: 5 }, () => begin());
    expect(sent()).toBe(13);
    await trials[0]?.fail({ class: "not-found", status: 404 });
    begin();
    begin();
    expect(sent()).toBe(14);
  });

  it("opens again at the first failed trial, and the other trials' ends no longer matter", async () => {
    const { trip, begin, clock, state } = harness({ trials: 2 });
    await trip();
    clock.advance(5_000);
    const [first, second] = [begin(), begin()];
    await first.fail();
    expect(state()).toBe("open");
    await second.succeed();
    expect(state()).toBe("open");
    clock.advance(9_999);
    expect(await rejection(begin().result)).toMatchObject({ requeueAfterMs: 1 });
  });

  it("gives every half-open period its own trials, whatever hangs from an earlier one", async () => {
    const { trip, begin, clock, sent } = harness({ trials: 2, trialTimeoutMs: 3_600_000 });
    await trip();
    clock.advance(5_000);
    begin(); // never ends
    await begin().fail();
    clock.advance(10_000);
    const before = sent();
    begin();
    begin();
    begin();
    expect(sent()).toBe(before + 2);
  });

  it("asks those it refuses to come back soon, not only when the trial's time is over", async () => {
    const { trip, begin, clock } = harness({ trialTimeoutMs: 60_000 });
    await trip();
    clock.advance(5_000);
    begin();
    expect(await rejection(begin().result)).toMatchObject({ requeueAfterMs: 5_000 });
    clock.advance(58_000);
    expect(await rejection(begin().result)).toMatchObject({ requeueAfterMs: 2_000 });
  });

  it("still listens to a trial that outlived its time, and its caller gets the real answer", async () => {
    const { trip, begin, clock, state } = harness();
    await trip();
    clock.advance(5_000);
    const slow = begin();
    clock.advance(120_000);
    await slow.succeed();
    await expect(slow.result).resolves.toBe("answer");
    expect(state()).toBe("closed");
  });
});

describe("an operator", () => {
  it("opens a circuit until it is closed by hand, without trials", async () => {
    const { breaker, begin, clock, sent, state, changes } = harness();
    breaker.open(irelandKey);
    breaker.open(irelandKey);
    expect(changes).toEqual([`${irelandKey} open`]);
    clock.advance(365 * 24 * 3_600_000);
    expect(await rejection(begin().result)).toMatchObject({ code: "ERR_CIRCUIT_OPEN", requeueAfterMs: 300_000 });
    expect(state()).toBe("open");
    breaker.close(irelandKey);
    await begin().succeed();
    expect(sent()).toBe(1);
    expect(state()).toBe("closed");
  });

  it("takes over a circuit that an outage has opened or half-opened", async () => {
    const { breaker, trip, begin, clock, state } = harness();
    await trip();
    clock.advance(5_000);
    const trial = begin();
    breaker.open(irelandKey);
    await trial.succeed();
    expect(state()).toBe("open");
    breaker.close(irelandKey);
    expect(state()).toBe("closed");
  });

  it("closes a circuit, and nothing of its past remains", async () => {
    const { breaker, trip, fail, begin, state } = harness();
    const stale = begin();
    await trip();
    breaker.close(irelandKey);
    await stale.fail();
    for (let i = 0; i < 9; i++) await fail();
    expect(state()).toBe("closed");
    breaker.close(irelandKey);
    await fail();
    expect(state()).toBe("closed");
  });

  it("does not take the breaker down with a missing key", async () => {
    const { breaker, trip, state } = harness();
    expect(() => breaker.close(undefined as unknown as string)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID" }),
    );
    await trip();
    expect(state()).toBe("open");
  });

  it("reads states, changes and a gauge", async () => {
    const { trip, succeed, begin, clock, changes, gauge, states } = harness();
    await succeed(frankfurt);
    await trip();
    expect(Object.fromEntries(states())).toEqual({
      [irelandKey]: "open",
      "aws|123456789012|eu-central-1|EC2": "closed",
    });
    expect(gauge()).toEqual({ [irelandKey]: 2, "aws|123456789012|eu-central-1|EC2": 0 });
    clock.advance(5_000);
    const trial = begin();
    expect(gauge()[irelandKey]).toBe(1);
    await trial.succeed();
    expect(gauge()[irelandKey]).toBe(0);
    expect(changes).toEqual([`${irelandKey} open`, `${irelandKey} halfOpen`, `${irelandKey} closed`]);
  });

  it("asks what would happen to a call, and nothing happens", async () => {
    const { breaker, trip, begin, clock, state, states } = harness();
    const call = makeCall();
    expect(breaker.explain?.(call)).toEqual({ verdict: "pass", reason: `circuit ${irelandKey} is closed` });
    expect(states().size).toBe(0);
    await trip();
    clock.advance(1_000);
    expect(breaker.explain?.(call)).toEqual({
      verdict: "refuse",
      reason: `circuit ${irelandKey} is open: retry in 4000 ms`,
    });
    clock.advance(4_000);
    expect(breaker.explain?.(call)?.verdict).toBe("pass");
    expect(state()).toBe("open");
    begin();
    expect(breaker.explain?.(call)?.verdict).toBe("refuse");
    clock.advance(70_000); // the trial hangs
    expect(breaker.explain?.(call)?.verdict).toBe("pass");
  });
});

describe("options", () => {
  it.each([
    [{ failureThresholdPercent: 100 }, "circuitBreaker.failureThresholdPercent"],
    [{ failureThresholdPercent: -1 }, "circuitBreaker.failureThresholdPercent"],
    [{ minimumAttempts: 0 }, "circuitBreaker.minimumAttempts"],
    [{ minimumAttempts: 2.5 }, "circuitBreaker.minimumAttempts"],
    [{ windowMs: 10 }, "circuitBreaker.windowMs"],
    [{ openMs: 0 }, "circuitBreaker.openMs"],
    [{ openMs: Number.NaN }, "circuitBreaker.openMs"],
    [{ openMs: 10_000, maxOpenMs: 5_000 }, "circuitBreaker.maxOpenMs"],
    [{ trials: 0 }, "circuitBreaker.trials"],
    [{ trialTimeoutMs: Number.POSITIVE_INFINITY }, "circuitBreaker.trialTimeoutMs"],
    [{ maxKeys: 0 }, "circuitBreaker.maxKeys"],
    [{ errorFilter: () => true }, "errorFilter"],
  ])("%o is refused, by name", (options, path) => {
    expect(() => harness(options as CircuitBreakerOptions)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});
