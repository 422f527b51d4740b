import { inspect } from "node:util";
import { isGuardError, type StateStore } from "provider-guard";
import { redisState } from "provider-guard/redis";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startProxy } from "../support/tcp-proxy.ts";
import { describeWithRedis, type RedisServer, startRedis } from "./redis.ts";

const operations: Record<string, (store: StateStore) => Promise<unknown>> = {
  get: (store) => store.get("a"),
  put: (store) => store.put("a", "1"),
  compareAndSet: (store) => store.compareAndSet("a", undefined, "1"),
  increment: (store) => store.increment("n", 1),
  delete: (store) => store.delete("a"),
  scan: async (store) => {
    for await (const _ of store.scan("")) return;
  },
};

/** Every operation rejects with the typed error, and with this in its message. */
async function expectUnavailable(store: StateStore, message: RegExp): Promise<void> {
  const results = await Promise.allSettled(Object.values(operations).map((operation) => operation(store)));
  for (const result of results) {
    expect(result).toMatchObject({
      status: "rejected",
      reason: {
        code: "ERR_STATE_UNAVAILABLE",
        message: expect.stringMatching(message),
        retryable: true,
        requeueAfterMs: expect.any(Number),
      },
    });
  }
}

/** Waits until the store works again, by itself. */
async function expectRecovery(store: StateStore): Promise<void> {
  await vi.waitFor(() => store.get("a"), { timeout: 30_000, interval: 20 });
  for (const operation of Object.values(operations)) await operation(store);
}

describeWithRedis("redisState when Redis is in trouble", (redis) => {
  let server: RedisServer;
  const stores = new Set<StateStore>();
  const opened = (options: Parameters<typeof redisState>[0]) => {
    const store = redisState(options);
    stores.add(store);
    return store;
  };
  beforeEach(async () => {
    server = await startRedis(redis);
  });
  afterEach(async () => {
    for (const store of stores) await store.close();
    stores.clear();
    await server.stop();
  });

  it("starts without Redis, and works once it is there", async () => {
    await server.kill();
    const store = opened({ url: server.url });
    await expectUnavailable(store, new RegExp(`^redis 127\\.0\\.0\\.1:${server.port}: ECONNREFUSED$`));
    await server.start();
    await expectRecovery(store);
  });

  it("goes on after a restart, on a Redis that knows nothing any more", async () => {
    const store = opened({ url: server.url });
    await store.increment("n", 5);
    const pending = Promise.allSettled(Array.from({ length: 20 }, () => store.increment("n", 1)));
    await server.kill();
    for (const result of await pending) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    }
    await vi.waitFor(() => expectUnavailable(store, /^redis 127/), { timeout: 30_000 });
    await server.start();
    await vi.waitFor(() => store.get("n"), { timeout: 30_000, interval: 20 });
    expect(await store.increment("n", 1)).toEqual({ applied: true, value: 1 });
  });

  it("ends every operation in time while Redis answers nothing, and goes on when it does again", async () => {
    const store = opened({ url: server.url, timeoutMs: 100 });
    await store.put("a", "1");
    server.pause();
    await expectUnavailable(store, /no answer within 100 ms$/);
    await expectUnavailable(store, /no answer within 100 ms$/);
    server.resume();
    await expectRecovery(store);
  });

  it("connects to a Redis that answers nothing, without waiting for it longer", async () => {
    const store = opened({ url: server.url, timeoutMs: 100 });
    server.pause();
    await expectUnavailable(store, /no answer within 100 ms$/);
    server.resume();
    await expectRecovery(store);
  });

  it.each(["requests", "answers", "both"] as const)("outlives a network that loses %s", async (which) => {
    const proxy = await startProxy(server.port);
    const store = opened({ url: `redis://127.0.0.1:${proxy.port}`, timeoutMs: 100 });
    await store.put("a", "1");
    proxy.part(which);
    await expectUnavailable(store, /no answer within 100 ms$/);
    proxy.heal();
    await expectRecovery(store);
    await proxy.stop();
  });

  it("stops waiting when told to", async () => {
    const store = opened({ url: server.url, timeoutMs: 60_000 });
    await store.put("a", "1");
    server.pause();
    const abort = new AbortController();
    const waiting = store.get("a", { signal: abort.signal });
    const scanning = store.scan("", { signal: abort.signal })[Symbol.asyncIterator]().next();
    abort.abort(new Error("changed my mind"));
    await expect(waiting).rejects.toThrow("changed my mind");
    await expect(scanning).rejects.toThrow("changed my mind");
    server.resume();
    expect(await store.get("a")).toMatchObject({ value: "1" });
  });

  it("ends what is under way when it is closed", async () => {
    const store = opened({ url: server.url, timeoutMs: 60_000 });
    await store.put("a", "1");
    server.pause();
    const waiting = expectUnavailable.bind(undefined, opened({ url: server.url, timeoutMs: 100 }), /no answer/)();
    const pending = store.get("a");
    await store.close();
    await expect(pending).rejects.toMatchObject({
      code: "ERR_STATE_UNAVAILABLE",
      message: expect.stringMatching(/closed/),
    });
    await expect(store.get("a")).rejects.toMatchObject({
      retryable: false,
      message: expect.stringMatching(/is closed$/),
    });
    await waiting;
    server.resume();
  });

  describe("with a password", () => {
    beforeEach(async () => {
      await server.stop();
      server = await startRedis(redis, ["--requirepass", "correct-horse"], { password: "correct-horse" });
    });

    it("works", async () => {
      const store = opened({ url: `redis://:correct-horse@127.0.0.1:${server.port}` });
      await store.put("a", "1");
      expect(await store.get("a")).toMatchObject({ value: "1" });
    });

    it.each([
      { name: "a wrong one", url: (port: number) => `redis://:wrong-battery@127.0.0.1:${port}`, reason: /WRONGPASS$/ },
      { name: "none", url: (port: number) => `redis://127.0.0.1:${port}`, reason: /NOAUTH$/ },
    ])("says that $name does not do, and repeats none", async ({ url, reason }) => {
      const store = opened({ url: url(server.port) });
      await expectUnavailable(store, reason);
      const error = await store.get("a").catch((caught: unknown) => caught);
      expect(isGuardError(error)).toBe(true);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/correct-horse|wrong-battery/);
    });
  });
});
