import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it, vi } from "vitest";
import { isGuardError } from "../../src/core/errors.ts";
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
