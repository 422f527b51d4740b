import { redisState } from "provider-guard/redis";
import { describe, expect, it } from "vitest";
import { loadIoredis, makeClient } from "../../../adapters/redis/client.ts";
import { FakeClient } from "./fake-client.ts";

describe("redisState refuses", () => {
  const client = new FakeClient();
  const resending = Object.assign(new FakeClient(), { options: {} });
  const cluster = Object.assign(new FakeClient(), { options: {}, nodes: () => [] });

  it.each([
    ["no way to Redis", {}, /^redis: expected either a client/],
    ["two ways to Redis", { client, url: "redis://a" }, /^redis: expected either a client/],
    ["what is no client", { client: {} }, /^redis\.client: /],
    ["a client that resends", { client: resending }, /^redis\.client: .*autoResendUnfulfilledCommands/],
    ["a cluster that resends", { client: cluster }, /^redis\.client: .*retryDelayOnFailover/],
    ["a url of something else", { url: "http://a" }, /^redis\.url: /],
    ["a prefix without a slot of its own", { client, prefix: "pg:" }, /^redis\.prefix: /],
    ["no time at all", { client, timeoutMs: 0 }, /^redis\.timeoutMs: /],
    ["a lease that ends at once", { client, leaseMs: 1 }, /^redis\.leaseMs: /],
    ["no replicas", { client, replicas: 0 }, /^redis\.replicas: /],
    ["what it does not know", { client, passwd: "x" }, /^redis: .*passwd/],
  ])("%s", (_, options, message) => {
    const attempt = () => redisState(options as Parameters<typeof redisState>[0]);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
  });

  it("a password that was put where it would be shown", () => {
    for (const url of ["//:hunter2@redis", "redis://:hunter2/@redis", "rediss://me:hunter2#@redis:6379"]) {
      const attempt = () => redisState({ url });
      expect(attempt).toThrow(/redis\.url/);
      expect(attempt).not.toThrow(/hunter2/);
    }
  });
});

it("a missing ioredis is reported with what to install", () => {
  const missing = new Error("Cannot find module 'ioredis'");
  const load = () => {
    throw missing;
  };
  expect(() => loadIoredis(load)).toThrow(
    expect.objectContaining({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining("npm install ioredis"),
      cause: missing,
    }),
  );
});

it("a client of the store's own never waits, never resends, and nothing of that can be turned off", () => {
  const { Redis } = loadIoredis();
  expect(Redis).toBeTypeOf("function");
  const wrong = { autoResendUnfulfilledCommands: true, enableOfflineQueue: true, maxRetriesPerRequest: null };
  const { options } = makeClient("redis://127.0.0.1:1", wrong, 500);
  expect(options).toMatchObject({
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
  });
});
