import { randomBytes } from "node:crypto";
import { systemClock } from "../../src/core/clock.ts";
import { parseOptions } from "../../src/core/config.ts";
import { GuardError } from "../../src/core/errors.ts";
import { addTo, endOf } from "../../src/core/state-arithmetic.ts";
import type { Incremented, StateStore, WriteOptions } from "../../src/core/state-store.ts";
import { makeClient, type RedisClient } from "./client.ts";
import { connect, type Send } from "./connection.ts";
import { refuseEviction } from "./eviction.ts";
import { redisLender } from "./lender.ts";
import { type RedisStateOptions, redisSchema } from "./options.ts";
import { decode, encode, escapeText, foreign, wellFormed } from "./record.ts";
import { scanEntries } from "./scan.ts";
import { compareAndSet, increment, remove } from "./state-scripts.ts";

/**
 * Keeps state in Redis, where all replicas share it. While Redis cannot be reached every operation
 * rejects within `timeoutMs`, and works again once Redis is back.
 *
 * @param options - See {@link RedisStateOptions}.
 * @returns A store that connects when it is first used, and keeps no process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: an option is wrong, or ioredis is not installed; from
 *   an operation: Redis is set to evict keys, or a key holds something else than it should.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` (per operation, retryable).
 * @example
 * import { createGuard } from "provider-guard";
 * import { redisState } from "provider-guard/redis";
 * const guard = await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: false,
 *   state: redisState({ url: "rediss://redis.acme.svc:6379" }),
 * });
 */
export function redisState(options: RedisStateOptions): StateStore {
  const settings = parseOptions(redisSchema, options, "redis");
  const clock = settings.clock ?? systemClock;
  const own = settings.client ? undefined : makeClient(settings.url, settings.connection ?? {}, settings.timeoutMs);
  const connection = connect({
    client: settings.client ?? (own as RedisClient),
    own,
    clock,
    timeoutMs: settings.timeoutMs,
    prepare: settings.allowEviction ? undefined : refuseEviction,
  });
  const prefix = `${settings.prefix}state:`;
  /** The injected clock's time; `undefined` where Redis' own clock judges. */
  const now = () => settings.clock?.now();

  // Versions never repeat, not even when Redis has lost everything it knew.
  const origin = randomBytes(12).toString("base64url");
  let writes = 0;
  const nextVersion = () => `${origin}.${(++writes).toString(36)}`;

  const lender = redisLender({ ...settings, clock, connection, replica: origin, now });

  async function on<T>(
    key: string,
    signal: AbortSignal | undefined,
    work: (send: Send, redisKey: string) => Promise<T>,
  ): Promise<T> {
    const redisKey = prefix + wellFormed(key);
    try {
      return await connection.run((send) => work(send, redisKey), signal);
    } catch (error) {
      const { message = "" } = ((error as GuardError | undefined)?.cause ?? {}) as Partial<Error>;
      if (/^(WRONGTYPE|FOREIGN) /.test(message)) throw foreign(key);
      if (!message.startsWith("NOCOUNTER ")) throw error;
      throw new GuardError("ERR_CONFIG_INVALID", `state["${key}"]: not a counter, or no finite one any more`);
    }
  }

  /** When a key's life ends: on the injected clock, or after so long on Redis' own. */
  function life(options: WriteOptions | undefined): { readonly endsAt?: number; readonly px?: number } {
    const at = now();
    const end = endOf(at ?? 0, options);
    if (end === Number.POSITIVE_INFINITY) return {};
    return at === undefined ? { px: Math.min(Math.max(1, Math.ceil(end)), Number.MAX_SAFE_INTEGER) } : { endsAt: end };
  }

  return {
    scope: "shared",
    lender,
    get: (key, { signal } = {}) =>
      on(key, signal, async (send, redisKey) => decode(await send("get", [redisKey]), key, now())),
    put: (key, value, options) =>
      on(key, options?.signal, async (send, redisKey) => {
        const { endsAt, px } = life(options);
        const entry = encode(nextVersion(), endsAt, value);
        await send("set", px === undefined ? [redisKey, entry] : [redisKey, entry, "px", px]);
      }),
    compareAndSet: (key, version, value, options) =>
      on(key, options?.signal, async (send, redisKey) => {
        const { endsAt = "-", px = "" } = life(options);
        const args = [now() ?? "", version ?? "", nextVersion(), endsAt, escapeText(value), px];
        return Number(await compareAndSet.run(send, [redisKey], args)) === 1;
      }),
    increment: (key, by, options = {}) =>
      on(key, options.signal, async (send, redisKey): Promise<Incremented> => {
        addTo(key, undefined, by, options); // refuses what is no number
        const { endsAt = "-", px = "" } = life(options);
        const args = [now() ?? "", by, options.min ?? "", options.max ?? "", nextVersion(), endsAt, px];
        const [applied, value] = (await increment.run(send, [redisKey], args)) as [number, string];
        return { applied: Number(applied) === 1, value: Number(value) };
      }),
    delete: (key, { signal } = {}) =>
      on(key, signal, async (send, redisKey) => Number(await remove.run(send, [redisKey], [now() ?? ""])) === 1),
    scan: (wanted, { signal } = {}) => scanEntries(connection, prefix, wellFormed(wanted), now, signal),
    async close() {
      lender.close();
      connection.close();
    },
  };
}
