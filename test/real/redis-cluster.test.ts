import { Cluster } from "ioredis";
import { redisState } from "provider-guard/redis";
import { simulatedClock } from "provider-guard/testing";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { stateStoreContract } from "../support/state-store-contract.ts";
import { describeWithRedis, type RedisServer, startRedis } from "./redis.ts";

describeWithRedis("redisState on a Redis Cluster of one node", (redis) => {
  let server: RedisServer;
  let cluster: Cluster;
  beforeAll(async () => {
    server = await startRedis(redis, ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"]);
    await server.admin((client) => client.call("cluster", "addslotsrange", 0, 16383));
    const state = () => server.admin((client) => client.call("cluster", "info"));
    await vi.waitFor(async () => expect(await state()).toContain("cluster_state:ok"), { timeout: 30_000 });
    cluster = new Cluster([{ port: server.port, host: "127.0.0.1" }], { retryDelayOnFailover: 0, lazyConnect: true });
  });
  afterAll(async () => {
    cluster?.disconnect();
    await server?.stop();
  });

  stateStoreContract("Redis Cluster", async () => {
    await server.admin((client) => client.flushall());
    const clock = simulatedClock();
    const another = async () => redisState({ client: cluster, clock });
    return { store: await another(), clock, another };
  });

  it("lends tokens", async () => {
    const store = redisState({ client: cluster });
    const request = { bucket: "one", ratePerSecond: 1, burst: 1, held: 0, need: 1, want: 1 };
    expect(await store.lender?.lease(request)).toMatchObject({ tokens: 0, ratePerSecond: 1 });
    await store.close();
  });
});
