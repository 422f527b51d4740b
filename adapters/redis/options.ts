import * as z from "zod";
import type { Clock } from "../../src/core/clock.ts";
import { type RedisClient, type RedisConnection, resends } from "./client.ts";

/** Options of {@link redisState}. Either `client`, or `url` and `connection`, says where Redis is. */
export interface RedisStateOptions {
  /**
   * An ioredis client of yours, `Redis` or `Cluster`. It stays yours: it is not closed, and nothing is
   * changed on it. It must not send a command twice when a connection breaks, as counters would then
   * change twice: `autoResendUnfulfilledCommands: false` for `Redis`, `retryDelayOnFailover: 0` for `Cluster`.
   */
  readonly client?: RedisClient;
  /** `redis://` or `rediss://` (TLS), for a client of the store's own. */
  readonly url?: string;
  /** What ioredis should know for a client of the store's own: host, password, TLS, sentinels. */
  readonly connection?: RedisConnection;
  /**
   * What every key starts with; the same for all replicas. The part in braces keeps all keys in one
   * slot of a cluster, since scripts touch several. @defaultValue `"{provider-guard}:"`
   */
  readonly prefix?: string;
  /** Milliseconds after which an operation is given up. @defaultValue 500 */
  readonly timeoutMs?: number;
  /**
   * Milliseconds for which lent tokens may be spent; the same for all replicas. So long the tokens of
   * a replica that died are missing, and so long nothing is lent after Redis lost its memory. @defaultValue 2_000
   */
  readonly leaseMs?: number;
  /**
   * How many replicas are meant to run. Then one that is cut off from Redis goes on with its share of
   * each rate, and the others leave it that share. @defaultValue a replica that is cut off waits
   */
  readonly replicas?: number;
  /**
   * Whether to go on where Redis is set to evict keys when its memory is full. Evicted counters begin
   * at zero and evicted buckets are full again: limits do not hold then. @defaultValue false
   */
  readonly allowEviction?: boolean;
  /**
   * For tests: judges every end of life and every lease by this clock instead of by Redis' own. All
   * stores on one Redis must be given the same. @defaultValue the machine's clock, for timeouts only
   */
  readonly clock?: Clock;
}

const withMethods = <T>(...names: (keyof T & string)[]) =>
  z.custom<T>(
    (value) => names.every((name) => typeof Object(value)[name] === "function"),
    `expected ${names.join(", ")}`,
  );

/** What `redisState` accepts. */
export const redisSchema = z
  .strictObject({
    client: withMethods<RedisClient>("call", "connect", "on", "off")
      .refine(
        (client) => !resends(client),
        "would send a command twice: set autoResendUnfulfilledCommands: false (Redis) or retryDelayOnFailover: 0 (Cluster)",
      )
      .optional(),
    url: z
      .string()
      .refine((url) => /^rediss?:/.test(url) && URL.canParse(url), "expected a valid redis: or rediss: URL")
      .optional(),
    connection: z
      .custom<RedisConnection>((value) => typeof value === "object" && value !== null, "expected an object")
      .optional(),
    prefix: z
      .string()
      .regex(/^[^{}]*\{[^{}]+\}[^{}]*$/, "expected a part in braces, as in {provider-guard}:")
      .default("{provider-guard}:"),
    timeoutMs: z.number().min(1).max(60_000).default(500),
    leaseMs: z.number().min(100).max(600_000).default(2_000),
    replicas: z.int().min(1).max(10_000).optional(),
    allowEviction: z.boolean().default(false),
    clock: withMethods<Clock>("now", "monotonic", "setTimeout").optional(),
  })
  .refine(
    ({ client, url, connection }) => (client === undefined) !== (url === undefined && connection === undefined),
    "expected either a client, or a url or connection",
  );
