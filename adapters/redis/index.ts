export type { RedisClient, RedisConnection } from "./client.ts";
export type { RedisStateOptions } from "./options.ts";
export { redisState } from "./redis-state.ts";
