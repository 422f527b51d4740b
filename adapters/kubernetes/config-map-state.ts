import { createHash, randomBytes } from "node:crypto";
import * as z from "zod";
import { type Clock, type Random, systemClock } from "../../src/core/clock.ts";
import { parseOptions } from "../../src/core/config.ts";
import { GuardError } from "../../src/core/errors.ts";
import { systemRandom } from "../../src/core/id.ts";
import { addTo, endOf } from "../../src/core/state-arithmetic.ts";
import type { StateStore, WriteOptions } from "../../src/core/state-store.ts";
import { serverClock } from "./config-map-state-clock.ts";
import type { Entries, Entry } from "./config-map-state-entries.ts";
import { type ConfigMapApi, configMapShard, type Shard } from "./config-map-state-shard.ts";

/** Options of {@link configMapState}. */
export interface ConfigMapStateOptions {
  /** client-node's `CoreV1Api`, not guarded: the guard would need the store to let its calls pass. */
  readonly core: ConfigMapApi;
  readonly namespace: string;
  /** The ConfigMaps are called so, with `-0`, `-1`, … behind it. */
  readonly name: string;
  /** Over how many ConfigMaps keys are spread; the same for all replicas, and for good. @defaultValue 4 */
  readonly shards?: number;
  /** How long an operation may take, in milliseconds. @defaultValue 5000 */
  readonly timeoutMs?: number;
  /** Its `now` decides what has ended, the same for all replicas. @defaultValue the API server's clock */
  readonly clock?: Pick<Clock, "now">;
  /** @defaultValue cryptographically strong randomness */
  readonly random?: Random;
}

const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,240}[a-z0-9])?$/, "expected a name of Kubernetes");

const schema = z.strictObject({
  core: z.custom<ConfigMapApi>(
    (value) => typeof Object(value).replaceNamespacedConfigMap === "function",
    "expected client-node's CoreV1Api",
  ),
  namespace: name,
  name,
  shards: z.int().min(1).max(256).default(4),
  timeoutMs: z
    .number()
    .positive()
    .max(2 ** 31 - 1)
    .default(5_000),
  clock: z.custom<Pick<Clock, "now">>((value) => typeof Object(value).now === "function").optional(),
  random: z.custom<Random>().optional(),
});

/**
 * Keeps state in ConfigMaps, where all replicas share it, for whoever has no Redis: each write is one
 * request on the condition that nobody else wrote meanwhile, and what is asked for at the same time is
 * written together. While the API server cannot be reached every operation rejects within `timeoutMs`.
 * It lends no rate limits: each replica has its own. Everybody who may read ConfigMaps can read it.
 *
 * @param options - See {@link ConfigMapStateOptions}.
 * @returns A store that makes its ConfigMaps when it first writes, and keeps no process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: an option is wrong; from an operation: the ConfigMap
 *   holds something else, or was made with another number of shards.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` (per operation): the API server cannot be reached or
 *   refuses, others keep changing the ConfigMap, or it is full.
 * @example
 * import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
 * import { createGuard } from "provider-guard";
 * import { configMapState } from "provider-guard/kubernetes";
 * const config = new KubeConfig();
 * config.loadFromDefault();
 * const core = config.makeApiClient(CoreV1Api);
 * await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: false,
 *   state: configMapState({ core, namespace: "acme-system", name: "acme-guard-state" }),
 * });
 */
export function configMapState(options: ConfigMapStateOptions): StateStore {
  const {
    core,
    namespace,
    name,
    shards,
    timeoutMs,
    clock,
    random = systemRandom,
  } = parseOptions(schema, options, "configMapState");
  const server = serverClock(systemClock);
  const now = clock === undefined ? server.now : () => clock.now();
  const all = Array.from({ length: shards }, (_, index) =>
    configMapShard({ core, namespace, name: `${name}-${index}`, shards, timeoutMs, random, server, now }),
  );
  // Versions never repeat, not even when somebody deletes a ConfigMap.
  const origin = randomBytes(9).toString("base64url");
  let writes = 0;

  function shardOf(key: string): Shard {
    if (/\p{Surrogate}/u.test(key)) throw new GuardError("ERR_CONFIG_INVALID", "state: a key is no well-formed text");
    return all[createHash("sha256").update(key).digest().readUInt32BE() % shards] as Shard;
  }

  function entry(value: string, at: number, options?: WriteOptions): Entry {
    const endsAt = endOf(at, options);
    return {
      value,
      version: `${origin}.${(++writes).toString(36)}`,
      endsAt: Number.isFinite(endsAt) ? endsAt : undefined,
    };
  }

  return {
    scope: "shared",
    async get(key, { signal } = {}) {
      const found = await shardOf(key).run((entries) => entries.get(key), signal);
      return found && { value: found.value, version: found.version };
    },
    async put(key, value, options) {
      await shardOf(key).run((entries, at) => entries.set(key, entry(value, at, options)), options?.signal);
    },
    async compareAndSet(key, version, value, options) {
      return shardOf(key).run((entries, at) => {
        const made = entry(value, at, options); // refuses a wrong time to live whatever is there
        if (entries.get(key)?.version !== version) return false;
        entries.set(key, made);
        return true;
      }, options?.signal);
    },
    async increment(key, by, options) {
      return shardOf(key).run((entries, at) => {
        const made = entry("", at, options);
        const before = entries.get(key);
        const sum = addTo(key, before?.value, by, options);
        const { version } = made;
        const endsAt = before === undefined ? made.endsAt : before.endsAt;
        if (sum.applied) entries.set(key, { value: String(sum.value), version, endsAt });
        return sum;
      }, options?.signal);
    },
    async delete(key, { signal } = {}) {
      return shardOf(key).run((entries) => entries.delete(key), signal);
    },
    async *scan(prefix, { signal } = {}) {
      const wanted = (entries: Entries) => [...entries.live()].filter(([key]) => key.startsWith(prefix));
      const found = await Promise.all(all.map((shard) => shard.run(wanted, signal)));
      for (const [key, { value, version }] of found.flat()) {
        signal?.throwIfAborted();
        yield [key, { value, version }] as const;
      }
    },
    async close() {
      for (const shard of all) shard.close();
    },
  };
}
