import { redisState } from "provider-guard/redis";
import { simulatedClock } from "provider-guard/testing";
import { afterAll, beforeAll } from "vitest";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { stateStoreContract } from "../support/state-store-contract.ts";

describeWithRedis("redisState on a real server", (program) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis(program);
  });
  afterAll(() => server.stop());

  stateStoreContract("Redis", async () => {
    await server.admin((client) => client.flushall());
    const clock = simulatedClock();
    return { store: redisState({ url: server.url, clock }), clock };
  });
});
