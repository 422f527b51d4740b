import OpossumBreaker from "opossum";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { opossumWindow } from "../../src/circuit-breaker/opossum-window.ts";
import { breakerSchema } from "../../src/circuit-breaker/options.ts";
import { GuardError } from "../../src/core/errors.ts";
import { settled } from "./fake-clock.ts";
import { harness, ireland } from "./harness.ts";

const down = () => Promise.reject(new Error("down"));
const quiet = { timeout: false, enableSnapshots: false } as const;

describe("what opossum does on its own, and the breaker does not", () => {
  it("1. gives the caller its error even where reading the error is impossible", async () => {
    const bare = new OpossumBreaker(down, {
      ...quiet,
      errorFilter() {
        throw new Error("a filter that cannot cope");
      },
    });
    const ended = vi.fn();
    const unhandled = vi.fn();
    process.once("unhandledRejection", unhandled);
    bare.fire().then(ended, ended);
    await settled();
    expect(ended).not.toHaveBeenCalled(); // the caller hangs
    process.removeListener("unhandledRejection", unhandled);
    bare.shutdown();

    const { begin } = harness();
    const hostile = new Proxy(new Error("x"), {
      get() {
        throw new Error("a hostile getter");
      },
    });
    const request = begin();
    await request.fail({ class: "unknown" }, hostile);
    await expect(request.result.catch((error) => error === hostile)).resolves.toBe(true);
  });

  it("2. stays half-open when a trial is throttled", async () => {
    const { trip, clock, answer, state } = harness();
    await trip();
    clock.advance(5_000);
    await answer("throttled", 429);
    expect(state()).toBe("halfOpen");
  });

  it("3. has no semaphore: a thousand requests at once neither fail nor count as failures", async () => {
    const { begin, sent, state } = harness();
    const requests = Array.from({ length: 1_000 }, () => begin());
    expect(sent()).toBe(1_000);
    await Promise.all(requests.map((request) => request.succeed()));
    expect(state()).toBe("closed");
  });

  it("4. lets another trial through when the first one hangs", async () => {
    const { trip, clock, begin, succeed, state, sent } = harness({ trialTimeoutMs: 20_000 });
    await trip();
    clock.advance(5_000);
    begin(); // never ends
    const before = sent();
    await expect(begin().result).rejects.toMatchObject({ code: "ERR_CIRCUIT_OPEN" });
    clock.advance(19_999);
    await expect(begin().result).rejects.toMatchObject({ code: "ERR_CIRCUIT_OPEN" });
    expect(sent()).toBe(before);
    clock.advance(1);
    await succeed();
    expect(state()).toBe("closed");
  });

  it("5. ignores, during a trial, a failure of a request from before the opening", async () => {
    const { trip, clock, begin, state } = harness();
    const stale = begin();
    await trip();
    clock.advance(5_000);
    const trial = begin();
    await stale.fail();
    expect(state()).toBe("halfOpen");
    await trial.succeed();
    expect(state()).toBe("closed");
  });

  it("6a. does not open on one failure", async () => {
    const bare = new OpossumBreaker(down, quiet);
    await bare.fire().catch(() => {});
    expect(bare.opened).toBe(true);
    bare.shutdown();

    const { fail, state } = harness();
    for (let i = 0; i < 9; i++) await fail();
    expect(state()).toBe("closed");
    await fail();
    expect(state()).toBe("open");
  });

  it("6b. never reports a timeout while a request goes on, however long it takes", async () => {
    const { begin, clock, sent } = harness();
    const create = begin();
    const ended = vi.fn();
    create.result.then(ended, ended);
    clock.advance(24 * 3_600_000);
    await settled();
    expect(ended).not.toHaveBeenCalled();
    await create.succeed();
    await expect(create.result).resolves.toBe("answer");
    expect(sent()).toBe(1);
  });

  it("7. aborts no request in flight when the circuit opens", async () => {
    const { begin, trip, state } = harness();
    const controller = new AbortController();
    const request = begin(ireland, {}, controller.signal);
    await trip();
    expect(state()).toBe("open");
    expect(controller.signal.aborted).toBe(false);
    await request.succeed();
    await expect(request.result).resolves.toBe("answer");
  });

  it("8. leaves the caller's options alone", () => {
    const mine = { timeout: false } as const;
    new OpossumBreaker(down, mine).shutdown();
    expect(Object.keys(mine).length).toBeGreaterThan(1);

    const options = Object.freeze({ openMs: 1_000 });
    harness(options);
    expect(options).toEqual({ openMs: 1_000 });
  });

  it("9. keeps no latency samples", () => {
    const fire = vi.spyOn(OpossumBreaker.prototype, "fire");
    const window = opossumWindow(breakerSchema.parse({}), [], () => {});
    for (let i = 0; i < 1_000; i++) {
      window.record(i % 10 === 0);
      if (i % 300 === 0) window.turn();
    }
    const breaker = fire.mock.contexts[0] as OpossumBreaker;
    fire.mockRestore();
    expect(breaker.stats.fires).toBe(1_000);
    expect(breaker.status.window.flatMap((slice) => slice.latencyTimes)).toEqual([]);
    window.close();
  });

  describe("10.", () => {
    beforeEach(() => {
      vi.spyOn(globalThis, "setTimeout");
      vi.spyOn(globalThis, "setInterval");
    });
    afterEach(() => void vi.restoreAllMocks());

    it("starts no timer on the machine's clock, through opening, trial and closing", async () => {
      const { trip, clock, succeed, state } = harness();
      await trip();
      clock.advance(5_000);
      await succeed();
      expect(state()).toBe("closed");
      expect(setTimeout).not.toHaveBeenCalled();
      expect(setInterval).not.toHaveBeenCalled();
    });

    it("keeps one timer for all keys together, and none once their windows are empty", async () => {
      const { fail, succeed, clock, states } = harness();
      expect(clock.pending).toBe(0);
      for (let i = 0; i < 50; i++) await fail({ ...ireland, account: `account-${i}` });
      for (let i = 0; i < 50; i++) await succeed({ ...ireland, account: `other-${i}` });
      expect(clock.pending).toBe(1);
      clock.advance(29_000);
      expect(clock.pending).toBe(1);
      clock.advance(4_000);
      expect(clock.pending).toBe(0);
      expect(states().size).toBe(100);
    });
  });

  it("11. hands opossum's events nothing of a call: no input, no error, no result", async () => {
    const seen: unknown[] = [];
    const emit = vi.spyOn(OpossumBreaker.prototype, "emit").mockImplementation(function (
      this: OpossumBreaker,
      ...args: unknown[]
    ) {
      seen.push(...args.flat());
      return true;
    });
    const { begin } = harness();
    const secret = "hunter2-canary";
    for (let i = 0; i < 3; i++) {
      await begin(ireland, { UserData: secret }).fail({ class: "outage", status: 500 }, new Error(secret));
      await begin(ireland, { UserData: secret }).succeed();
    }
    emit.mockRestore();
    expect(seen).toContain("fire");
    const texts = seen.map((value) => (value instanceof Error ? value.message : String(value)));
    expect(texts.join()).not.toContain(secret);
    expect(texts.join()).not.toContain("answer");
  });
});

describe("what says nothing about a service's health", () => {
  const silent = [
    ["throttled", 429],
    ["denied", 403],
    ["unauthenticated", 401],
    ["not-found", 404],
    ["conflict", 409],
    ["invalid", 400],
    ["aborted", undefined],
    ["unknown", 418],
  ] as const;

  it.each(silent)("%s neither opens a closed circuit nor counts towards the minimum", async (cls, status) => {
    const { answer, fail, state } = harness();
    for (let i = 0; i < 100; i++) await answer(cls, status);
    for (let i = 0; i < 9; i++) await fail();
    expect(state()).toBe("closed");
    await fail();
    expect(state()).toBe("open");
  });

  it.each(silent)(
    "%s neither closes nor reopens a half-open circuit, and makes room for the next trial",
    async (cls, status) => {
      const { trip, clock, answer, succeed, state, sent } = harness();
      await trip();
      clock.advance(5_000);
      await answer(cls, status);
      expect(state()).toBe("halfOpen");
      const before = sent();
      await succeed();
      expect(sent()).toBe(before + 1);
      expect(state()).toBe("closed");
    },
  );

  it("the guard's own refusals further in, which leave no answer, count for nothing", async () => {
    const { begin, trip, clock, state } = harness();
    const refusal = new GuardError("ERR_RATE_LIMIT_QUEUE_FULL", "full", { retryable: true });
    for (let i = 0; i < 100; i++) await begin().fail({}, refusal);
    expect(state()).toBe("closed");
    await trip();
    clock.advance(5_000);
    await begin().fail({}, refusal);
    expect(state()).toBe("halfOpen");
  });
});
