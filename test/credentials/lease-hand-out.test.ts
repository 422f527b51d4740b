import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { credentialLease } from "../../src/credentials/lease.ts";
import { harness, hour, minute, second } from "./harness.ts";

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
