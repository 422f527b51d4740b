export type { RedisClient } from "./client.ts";
export type { RedisStateOptions } from "./options.ts";
export { redisState } from "./redis-state.ts";
