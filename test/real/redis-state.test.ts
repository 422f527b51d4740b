import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Redis } from "ioredis";
import type { StateStore } from "provider-guard";
import { redisState } from "provider-guard/redis";
import { simulatedClock } from "provider-guard/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startChild } from "../support/bundle.ts";
import { stateStoreContract } from "../support/state-store-contract.ts";
import { describeWithRedis, type RedisServer, startRedis } from "./redis.ts";

const program = new URL("./redis-worker.ts", import.meta.url);

async function entriesOf(store: StateStore, prefix: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const [key, { value }] of store.scan(prefix)) found[key] = value;
  return found;
}

describeWithRedis("redisState on a real server", (redis) => {
  let server: RedisServer;
  const open = new Set<{ close(): Promise<void> }>();
  const opened = (store: StateStore) => {
    open.add(store);
    return store;
  };
  beforeAll(async () => {
    server = await startRedis(redis);
  });
  beforeEach(() => server.admin((client) => client.flushall()));
  afterEach(async () => {
    for (const store of open) await store.close();
    open.clear();
  });
  afterAll(() => server.stop());

  stateStoreContract("Redis", async () => {
    const clock = simulatedClock();
    const another = async () => opened(redisState({ url: server.url, clock }));
    return { store: await another(), clock, another };
  });

  it("leaves the end of a key's life to Redis, and a counter's where its creation put it", async () => {
    const store = opened(redisState({ url: server.url }));
    await store.put("a", "1", { ttlMs: 60_000.5 });
    await store.increment("n", 1, { ttlMs: 60_000 });
    await store.increment("n", 1, { ttlMs: 900_000 });
    await store.put("kept", "1");
    await store.put("brief", "1", { ttlMs: 0 });
    const lives = await server.admin((client) =>
      Promise.all(["a", "n", "kept"].map((key) => client.pttl(`{provider-guard}:state:${key}`))),
    );
    expect(lives[0]).toBeGreaterThan(0);
    expect(lives[0]).toBeLessThanOrEqual(60_001);
    expect(lives[1]).toBeLessThanOrEqual(60_000);
    expect(lives[2]).toBe(-1);
    await expect.poll(() => store.get("brief")).toBeUndefined();
  });

  it("counts fractions as this process would", async () => {
    const store = opened(redisState({ url: server.url }));
    let here = 0;
    for (const step of [0.1, 0.2, 1e-9, 12345.678, -0.3, 2 ** 53, -(2 ** 52), 1e300, -1e300]) {
      here += step;
      expect(await store.increment("n", step)).toEqual({ applied: true, value: here });
      expect(Number((await store.get("n"))?.value)).toBe(here);
    }
    await store.increment("big", 1.7e308);
    await expect(store.increment("big", 1.7e308)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    expect(await store.increment("big", 0)).toEqual({ applied: true, value: 1.7e308 });
  });

  it("takes patterns in a prefix for what they are", async () => {
    const store = opened(redisState({ url: server.url, prefix: "a*[b]?\\{tag}^:" }));
    const other = opened(redisState({ url: server.url, prefix: "axb?\\{tag}^:" }));
    const odd = "line 1\nline 2 \0 \ufffdd83d \ud83d  ";
    await store.put("k*[x]?\\", odd);
    await store.put("kkx?", "not this");
    await other.put("k*[x]?\\", "nor this");
    expect(await entriesOf(store, "k*[x]?\\")).toEqual({ "k*[x]?\\": odd });
    expect(await entriesOf(store, "")).toEqual({ "k*[x]?\\": odd, "kkx?": "not this" });
  });

  it("refuses keys that another program wrote, and deletes them when told to", async () => {
    const store = opened(redisState({ url: server.url }));
    await server.admin((client) =>
      Promise.all([
        client.set("{provider-guard}:state:text", "x"),
        client.hset("{provider-guard}:state:hash", "a", "b"),
      ]),
    );
    for (const key of ["text", "hash"]) {
      const invalid = { code: "ERR_CONFIG_INVALID", message: expect.stringContaining(`state["${key}"]`) };
      await expect(store.get(key)).rejects.toMatchObject(invalid);
      await expect(store.increment(key, 1)).rejects.toMatchObject(invalid);
      await expect(store.compareAndSet(key, undefined, "x")).rejects.toMatchObject(invalid);
    }
    expect(await store.delete("text")).toBe(true);
    expect(await store.get("text")).toBeUndefined();
  });

  it("goes on when Redis has forgotten its scripts", async () => {
    const store = opened(redisState({ url: server.url }));
    await store.increment("n", 1);
    await server.admin((client) => client.script("FLUSH"));
    const all = await Promise.all(Array.from({ length: 30 }, () => store.increment("n", 1, { max: 20 })));
    expect(all.filter(({ applied }) => applied)).toHaveLength(19);
  });

  it("never repeats a version, though everything was flushed", async () => {
    const store = opened(redisState({ url: server.url }));
    await store.put("a", "1");
    const old = (await store.get("a"))?.version;
    await server.admin((client) => client.flushall());
    expect(await store.compareAndSet("a", old, "2")).toBe(false);
    await store.put("a", "1");
    expect(await store.compareAndSet("a", old, "2")).toBe(false);
    expect(await store.get("a")).toMatchObject({ value: "1" });
  });

  it("refuses a Redis that evicts keys, until it does no longer", async () => {
    const evicting = await startRedis(redis, ["--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"]);
    const store = opened(redisState({ url: evicting.url }));
    const refused = { code: "ERR_CONFIG_INVALID", message: expect.stringContaining("volatile-lru") };
    await expect(store.get("a")).rejects.toMatchObject(refused);
    await expect(store.put("a", "1")).rejects.toMatchObject(refused);
    await opened(redisState({ url: evicting.url, allowEviction: true })).put("a", "1");
    const acl = ["on", ">secret", "~*", "+@all", "-info"];
    await evicting.admin((client) => client.acl("SETUSER", "limited", ...acl));
    const limited = redisState({
      url: evicting.url,
      connection: { username: "limited", password: "secret", enableReadyCheck: false },
    });
    expect(await opened(limited).get("a")).toMatchObject({ value: "1" });
    await evicting.admin((client) => client.config("SET", "maxmemory-policy", "noeviction"));
    expect(await store.get("a")).toMatchObject({ value: "1" });
    await evicting.stop();
  });

  it("needs no more rights than its page names", async () => {
    const page = await readFile(new URL("../../docs/adapters/redis.md", import.meta.url), "utf8");
    const rights = /`(~\{provider-guard\}:\* [^`]+)`/.exec(page)?.[1]?.split(" ") ?? [];
    expect(rights.length).toBeGreaterThan(5);
    await server.admin((client) => client.acl("SETUSER", "few", "on", ">secret", ...rights));
    const store = opened(redisState({ url: server.url, connection: { username: "few", password: "secret" } }));
    await store.put("a", "1");
    await store.compareAndSet("b", undefined, "2");
    await store.increment("n", 1);
    expect(await entriesOf(store, "")).toEqual({ a: "1", b: "2", n: "1" });
    expect(await store.delete("a")).toBe(true);
    const request = { bucket: "one", ratePerSecond: 1, burst: 1, held: 0, need: 1, want: 1 };
    expect(await store.lender?.lease(request)).toMatchObject({ tokens: 0 });
    await server.admin((client) => client.acl("DELUSER", "few"));
  });

  it("counts to the bound exactly, in four processes, and lets each of them end by itself", async () => {
    const children = await Promise.all([1, 2, 3, 4].map(() => startChild(program, [server.url, "3000"])));
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
    const counts = children.map(({ lines }) => Number(lines[0]));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3000);
  });

  it("stays within bounds when processes are killed in the middle", async () => {
    const store = opened(redisState({ url: server.url }));
    for (let round = 0; round < 3; round++) {
      const children = await Promise.all([1, 2].map(() => startChild(program, [server.url, "5", "forever"])));
      await Promise.all(children.map((child) => child.printed(1)));
      expect(children.map(({ lines }) => lines)).toEqual([["ready"], ["ready"]]);
      for (let look = 0; look < 50; look++) {
        const value = Number((await store.get("n"))?.value ?? 0);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(5);
      }
      for (const child of children) child.process.kill("SIGKILL");
      await Promise.all(children.map(({ ended }) => ended));
      expect(await store.increment(`after/${round}`, 1)).toEqual({ applied: true, value: 1 });
    }
  });

  describe("on a client of the caller's", () => {
    const make = (options: object = {}) =>
      new Redis(server.url, { autoResendUnfulfilledCommands: false, lazyConnect: true, ...options });

    it("works beside the caller, and leaves the client open and as it was", async () => {
      const client = make({ keyPrefix: "app[1]:" });
      const before = { ...client.options };
      const listeners = client.eventNames().map((name) => [name, client.listenerCount(name)]);
      const store = redisState({ client });
      await store.put("a/1", "x");
      expect(await store.increment("a/n", 2)).toEqual({ applied: true, value: 2 });
      expect(await entriesOf(store, "a/")).toEqual({ "a/1": "x", "a/n": "2" });
      await store.close();
      await expect(store.get("a/1")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: false });
      expect(client.options).toEqual(before);
      expect(client.eventNames().map((name) => [name, client.listenerCount(name)])).toEqual(listeners);
      expect(await client.get("{provider-guard}:state:a/1")).toContain("x");
      client.disconnect();
    });

    it("serves several stores, each under its own prefix", async () => {
      const client = make();
      const [one, two] = [redisState({ client, prefix: "{one}:" }), redisState({ client, prefix: "{two}:" })];
      await Promise.all([one.put("a", "1"), two.put("a", "2")]);
      await one.close();
      expect(await two.get("a")).toMatchObject({ value: "2" });
      client.disconnect();
    });

    it("is refused where it would send a counter's change twice", () => {
      const client = make({ autoResendUnfulfilledCommands: true });
      expect(() => redisState({ client })).toThrow(/redis\.client: .*autoResendUnfulfilledCommands/);
      client.disconnect();
    });

    it("says so when the caller has ended it", async () => {
      const client = make();
      const store = opened(redisState({ client }));
      await store.put("a", randomUUID());
      await client.quit();
      await expect(store.get("a")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    });
  });
});
