import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { isGuardError, requeueAfter } from "../../src/core/errors.ts";
import { type CredentialLeaseOptions, credentialLease } from "../../src/credentials/lease.ts";
import { settled } from "../circuit-breaker/fake-clock.ts";
import { harness, hour, minute, second } from "./harness.ts";

describe("the first use", () => {
  it("fetches once for 10,000 who ask at the same time", async () => {
    const { lease, source } = harness();
    const all = Array.from({ length: 10_000 }, () => lease.get());
    await source.answer("a", hour);
    const values = new Set((await Promise.all(all)).map(({ value }) => value));
    expect(values).toEqual(new Set(["a"]));
    expect(source.count).toBe(1);
  });

  it("fetches nothing until somebody asks, and keeps no timer once it has answered", async () => {
    const { lease, source, clock, hold } = harness();
    expect(lease.peek()).toBeUndefined();
    expect(source.count).toBe(0);
    await hold("a", hour);
    expect(clock.pending).toBe(0);
  });

  it("runs the source outside the reconcile that asked first", async () => {
    const reconcile = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const { lease } = harness({
      async fetch() {
        await settled();
        seen.push(reconcile.getStore());
        return { value: "a", expiresAt: 1_900_000_000_000 };
      },
    });
    await reconcile.run("cluster-a", () => lease.get());
    expect(seen).toEqual([undefined]);
  });

  it("takes a Date for an expiry", async () => {
    const { lease, source, clock } = harness();
    const getting = lease.get();
    await source.reply({ value: "a", expiresAt: new Date(clock.now() + hour) });
    expect((await getting).expiresAt).toBe(clock.now() + hour);
  });
});

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

describe("what a source returns", () => {
  it("already expired: refused, with a hint at the clock", async () => {
    const { source, got } = harness({ isTerminal: () => true }); // is asked about the source's errors alone
    const waiting = got();
    await source.answer("a", 0);
    expect(await waiting).toMatchObject({
      message: expect.stringMatching(/already expired; is this machine's clock right/),
      retryable: true,
    });
  });

  it("no newer than the held one: the held one stays, and the source is left alone for a while", async () => {
    const { lease, source, clock, events, hold } = harness();
    await hold("a", hour);
    const [expiresAt, first] = [clock.now() + hour, lease.peek()];
    clock.advance(50 * minute);
    lease.peek();
    await source.reply({ value: "a", expiresAt });
    expect(lease.peek()).toBe(first);
    expect(events.at(-1)).toMatchObject({
      type: "failed",
      reason: "the source returned a credential that does not outlive the held one",
    });
    lease.peek();
    expect(source.count).toBe(2);
  });

  it.each([
    ["nothing", undefined],
    ["no value", { expiresAt: 2_000_000_000_000 }],
    ["no expiry", { value: "hunter2-canary" }],
    ["an expiry in text", { value: "hunter2-canary", expiresAt: "2099-01-01T00:00:00Z" }],
    ["an invalid date", { value: "hunter2-canary", expiresAt: new Date(Number.NaN) }],
    ["an endless life", { value: "hunter2-canary", expiresAt: Number.POSITIVE_INFINITY }],
  ])("%s: refused", async (_what, fetched) => {
    const { source, got } = harness();
    const waiting = got();
    await source.reply(fetched);
    const error = await waiting;
    expect(error).toMatchObject({ message: expect.stringContaining("{ value, expiresAt }") });
    expect(inspect(error)).not.toContain("hunter2-canary");
  });

  it("too late: the wait ends at the time limit, and what comes after it is dropped", async () => {
    const { lease, source, clock, got } = harness({ fetchTimeoutMs: 10 * second });
    const waiting = got();
    clock.advance(10 * second - 1);
    expect(source.signals[0]?.aborted).toBe(false);
    clock.advance(1);
    expect(await waiting).toMatchObject({ message: "sts: no valid credential could be fetched (TimeoutError)" });
    expect(source.signals[0]?.aborted).toBe(true);
    await source.answer("late", hour);
    expect(lease.peek()).toBeUndefined();
  });

  it("30 s is the time limit unless another is set", async () => {
    const { clock, got } = harness();
    const waiting = got();
    clock.advance(30 * second);
    expect(await waiting).toMatchObject({ code: "ERR_CREDENTIAL_UNAVAILABLE" });
  });
});

describe("the moment of handing out", () => {
  it("finds that the held credential expired during the wait", async () => {
    const { source, clock, hold, got } = harness();
    await hold("a", hour);
    clock.advance(hour - 10 * second);
    const waiting = got();
    clock.advance(20 * second);
    await source.fail();
    expect(await waiting).toMatchObject({ code: "ERR_CREDENTIAL_UNAVAILABLE" });
  });

  it("finds that the fetched credential expired before the waiter woke", async () => {
    const { lease, source, clock, got } = harness({ onEvent: () => clock.block(10 * second) });
    const failing = got();
    await source.fail();
    await failing;
    const waiting = got();
    await source.answer("a", 5 * second);
    expect(await waiting).toMatchObject({
      code: "ERR_CREDENTIAL_UNAVAILABLE",
      message: "sts: no valid credential could be fetched (it expired before it could be used)",
      requeueAfterMs: 1,
    });
    expect(lease.peek()).toBeUndefined();
  });

  it("takes the wall clock's word when it was set forward", async () => {
    const { lease, clock, hold } = harness();
    await hold("a", hour);
    clock.jumpWall(hour);
    expect(lease.peek()).toBeUndefined();
  });

  it("takes the monotonic clock's word when the wall clock was set back", async () => {
    const { lease, source, clock, hold } = harness();
    await hold("a", hour);
    clock.jumpWall(-10 * hour);
    clock.advance(58 * minute);
    expect(lease.peek()?.value).toBe("a");
    await source.fail();
    clock.advance(2 * minute);
    expect(lease.peek()).toBeUndefined();
  });
});

describe("a wait", () => {
  it("ends at once when its signal aborts; the fetch goes on for the others", async () => {
    const { source, got } = harness();
    const controller = new AbortController();
    const [impatient, patient] = [got(controller.signal), got()];
    const reason = new Error("reconcile cancelled");
    controller.abort(reason);
    expect(await impatient).toBe(reason);
    expect(source.signals[0]?.aborted).toBe(false);
    await source.answer("a", hour);
    expect(await patient).toBe("a");
  });

  it("ends at once in the last minute too", async () => {
    const { clock, hold, got } = harness();
    await hold("a", hour);
    clock.advance(hour - 30 * second);
    const controller = new AbortController();
    const waiting = got(controller.signal);
    const reason = new Error("reconcile cancelled");
    controller.abort(reason);
    expect(await waiting).toBe(reason);
  });

  it("does not begin for a signal that has already aborted", async () => {
    const { source, got } = harness();
    const reason = new Error("too late");
    expect(await got(AbortSignal.abort(reason))).toBe(reason);
    expect(source.count).toBe(0);
  });

  it("leaves no listener on its signal", async () => {
    const { source, got } = harness();
    const { signal } = new AbortController();
    const remove = vi.spyOn(signal, "removeEventListener");
    const waiting = got(signal);
    await source.answer("a", hour);
    await waiting;
    expect(remove).toHaveBeenCalledTimes(1);
  });

  it("that everybody gave up still fills the lease", async () => {
    const { lease, source, got } = harness();
    const controller = new AbortController();
    const waiting = got(controller.signal);
    controller.abort();
    await waiting;
    await source.answer("a", hour);
    expect(lease.peek()?.value).toBe("a");
  });
});

describe("a credential that the cloud refused", () => {
  it("is not handed out again: the next one waits for a fresh one", async () => {
    const { lease, source, events, hold, got } = harness();
    await hold("a", hour);
    lease.invalidate(await lease.get());
    expect(lease.peek()).toBeUndefined();
    const waiting = got();
    await source.answer("b", hour);
    expect(await waiting).toBe("b");
    expect(events.map(({ type }) => type)).toEqual(["renewed", "refused", "renewed"]);
  });

  it("is replaced at once, even during a pause", async () => {
    const { lease, source, clock, hold, got } = harness();
    await hold("a", hour);
    clock.advance(50 * minute);
    lease.peek();
    await source.fail();
    lease.invalidate(await lease.get());
    const waiting = got();
    await source.answer("b", hour);
    expect(await waiting).toBe("b");
  });

  it("does not take its successor with it", async () => {
    const { lease, source, clock, hold } = harness();
    await hold("a", hour);
    const old = await lease.get();
    clock.advance(50 * minute);
    lease.peek();
    await source.answer("b", hour);
    lease.invalidate(old);
    lease.invalidate({ ...(await lease.get()) });
    expect(lease.peek()?.value).toBe("b");
  });

  it("is recognised when the source returns it once more", async () => {
    const token = { accessKeyId: "AKIA-canary", secretAccessKey: "hunter2-canary" };
    const source = vi.fn(async () => ({
      value: { ...token },
      expiresAt: 1_900_000_000_000 + source.mock.calls.length,
    }));
    const { clock } = harness();
    const lease = credentialLease({ fetch: source, clock });
    lease.invalidate(await lease.get());
    const error: unknown = await lease.get().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      message:
        "credential: no valid credential could be fetched (the source returned the credential that the cloud refused)",
    });
    expect(inspect(error)).not.toMatch(/canary/);
    clock.advance(6 * second);
    source.mockResolvedValue({
      value: { accessKeyId: "AKIA-new", secretAccessKey: "new" },
      expiresAt: 1_900_000_000_000,
    });
    expect((await lease.get()).value.accessKeyId).toBe("AKIA-new");
  });

  it("may expire sooner than its successor or later", async () => {
    const { lease, source, hold, got } = harness();
    await hold("a", 12 * hour);
    lease.invalidate(await lease.get());
    const waiting = got();
    await source.answer("b", hour);
    expect(await waiting).toBe("b");
  });

  it("makes no storm: when fresh ones are refused too, the source is left alone for a while", async () => {
    const { lease, source, clock, events, hold, got } = harness();
    await hold("a", hour);
    lease.invalidate(await lease.get());
    await hold("b", hour);
    lease.invalidate(await lease.get());
    expect(await got()).toMatchObject({
      code: "ERR_CREDENTIAL_UNAVAILABLE",
      retryable: true,
      requeueAfterMs: 5 * second,
    });
    expect(source.count).toBe(2);
    expect(events.map(({ type }) => type)).toEqual(["renewed", "refused", "renewed", "refused"]); // no fetch failed
    clock.advance(5 * second);
    await hold("c", hour);
    clock.advance(50 * minute);
    lease.peek();
    await source.answer("d", hour); // renewed in good order
    lease.invalidate(await lease.get());
    await hold("e", hour);
    expect(lease.peek()?.value).toBe("e");
  });
});

describe("a closed lease", () => {
  it("ends the fetch and every wait, and hands out nothing", async () => {
    const { lease, source, clock, events, got } = harness();
    const waiting = got();
    lease.close();
    expect(source.signals[0]?.aborted).toBe(true);
    expect(await waiting).toMatchObject({ message: "sts: the lease is closed", retryable: false });
    expect(events).toEqual([]);
    expect(clock.pending).toBe(0);
    await source.answer("late", hour);
    expect(lease.peek()).toBeUndefined();
  });

  it.each([0, 1, 2, 3, 4, 5, 6])("takes in nothing that arrives %i turns before closing", async (turns) => {
    const { lease, source, got } = harness();
    const waiting = got();
    const answering = source.answer("a", hour);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    lease.close();
    await answering;
    await waiting;
    expect(lease.peek()).toBeUndefined();
    expect(await got()).toMatchObject({ message: "sts: the lease is closed" });
  });

  it("forgets what it held, fetches no more and tells nothing", async () => {
    const { lease, source, events, hold, got } = harness();
    await hold("a", hour);
    const told = events.length;
    lease.close();
    lease.close();
    expect(lease.peek()).toBeUndefined();
    expect(await got()).toMatchObject({ code: "ERR_CREDENTIAL_UNAVAILABLE", message: "sts: the lease is closed" });
    expect(source.count).toBe(1);
    expect(events.length).toBe(told);
  });
});

describe("listeners", () => {
  it("hear of renewals and failures until they are taken out; one that throws harms nobody", async () => {
    const heard: string[] = [];
    const { lease, source, clock, hold } = harness({
      onEvent() {
        throw new Error("a listener's mistake");
      },
    });
    const remove = lease.observe(({ type }) => void heard.push(type));
    await hold("a", hour);
    clock.advance(50 * minute);
    lease.peek();
    await source.fail();
    expect(heard).toEqual(["renewed", "failed"]);
    remove();
    clock.advance(5 * second);
    lease.peek();
    await source.answer("b", hour);
    expect(lease.peek()?.value).toBe("b");
    expect(heard.length).toBe(2);
  });

  it("hear no secret, nor does anybody from an error", async () => {
    const { lease, source, clock, events, got } = harness();
    const errors: unknown[] = [];
    let waiting = got();
    await source.fail(Object.assign(new Error("hunter2-canary"), { name: "hunter2 canary", code: "hunter2-canary" }));
    errors.push(await waiting);
    clock.advance(5 * second);
    waiting = got();
    await source.answer("hunter2-canary", hour);
    await waiting;
    lease.invalidate(await lease.get());
    waiting = got();
    await source.answer("hunter2-canary", 2 * hour);
    errors.push(await waiting);
    expect(JSON.stringify(events)).not.toContain("hunter2");
    expect(events.length).toBe(4);
    expect(errors.map((error) => isGuardError(error) && error.message).join()).not.toContain("hunter2");
    expect(errors.every(isGuardError)).toBe(true);
  });
});

describe("options", () => {
  it.each([
    [{ fetch: undefined }, "credentialLease.fetch"],
    [{ name: "" }, "credentialLease.name"],
    [{ fetchTimeoutMs: 0 }, "credentialLease.fetchTimeoutMs"],
    [{ minBackoffMs: Number.NaN }, "credentialLease.minBackoffMs"],
    [{ minBackoffMs: 10, maxBackoffMs: 5 }, "credentialLease.maxBackoffMs"],
    [{ clock: {} }, "credentialLease.clock"],
    [{ refreshAheadMs: 5 }, "refreshAheadMs"],
  ])("%o is refused, by name", (wrong, path) => {
    const options = { fetch: async () => ({ value: "a", expiresAt: 0 }), ...wrong };
    expect(() => credentialLease(options as CredentialLeaseOptions<string>)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });

  it("may be an object with methods of its own", async () => {
    class Vault {
      #token = "a";
      async fetch() {
        return { value: this.#token, expiresAt: Date.parse("2099-01-01T00:00:00Z") };
      }
    }
    expect((await credentialLease(new Vault()).get()).value).toBe("a");
  });
});
