import { abortable } from "../../src/core/abort.ts";
import { type Random, sleep, systemClock } from "../../src/core/clock.ts";
import { GuardError } from "../../src/core/errors.ts";
import { callOptions, statusOf } from "./api-call.ts";
import type { ServerClock } from "./config-map-state-clock.ts";
import { changeEntries, type Entries, type Entry, parseEntries } from "./config-map-state-entries.ts";

/** A ConfigMap as client-node reads and writes it. */
export interface ConfigMapObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
}

/** What client-node's `CoreV1Api` is used for. */
export interface ConfigMapApi {
  readNamespacedConfigMap(
    request: { readonly namespace: string; readonly name: string },
    options?: object,
  ): Promise<ConfigMapObject>;
  createNamespacedConfigMap(
    request: { readonly namespace: string; readonly body: ConfigMapObject },
    options?: object,
  ): Promise<ConfigMapObject>;
  replaceNamespacedConfigMap(
    request: { readonly namespace: string; readonly name: string; readonly body: ConfigMapObject },
    options?: object,
  ): Promise<ConfigMapObject>;
}

/** Where a shard is kept. */
export interface ShardPlace {
  readonly core: ConfigMapApi;
  readonly namespace: string;
  readonly name: string;
  /** How many shards the store has: another number would look for keys elsewhere. */
  readonly shards: number;
  readonly timeoutMs: number;
  readonly random: Random;
  readonly server: ServerClock;
  /** Unix milliseconds on the clock that judges what has ended. */
  readonly now: () => number;
}

/** One ConfigMap; what is asked for while a request is under way goes into the next one together. */
export interface Shard {
  /**
   * Runs a step on the newest entries. It may be run several times; the last result counts.
   * @throws what `step` throws; {@link GuardError} `ERR_STATE_UNAVAILABLE`, `ERR_CONFIG_INVALID`; `signal.reason`.
   */
  run<T>(step: (entries: Entries, now: number) => T, signal: AbortSignal | undefined): Promise<T>;
  close(): void;
}

interface Job {
  readonly step: (entries: Entries, now: number) => unknown;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

interface Seen {
  readonly object: ConfigMapObject | undefined;
  readonly entries: ReadonlyMap<string, Entry>;
}

const dataKey = "entries";
const shardsKey = "provider-guard/shards";
const maxConflicts = 20;

/** Makes a shard that reads and writes nothing before it is used. */
export function configMapShard(place: ShardPlace): Shard {
  const { core, namespace, name, shards, timeoutMs, random, server, now } = place;
  const called = `${namespace}/${name}`;
  const waiting: Job[] = [];
  let working = false;
  let closed = false;
  /** What the ConfigMap was after the last request; a write upon it fails where it is that no more. */
  let cached: Seen | undefined;

  function unavailable(cause: unknown): GuardError {
    const status = statusOf(cause);
    const denied = status === 401 || status === 403;
    const reason = denied
      ? `the API server refuses (${status}): allow get, create and update of configmaps in the namespace`
      : `cannot be reached or changed (${status ?? "no answer"})`;
    return new GuardError("ERR_STATE_UNAVAILABLE", `state store ${called}: ${reason}`, { retryable: !denied, cause });
  }

  function seen(object: ConfigMapObject | undefined): Seen {
    const count = object?.metadata?.annotations?.[shardsKey] ?? String(shards);
    if (count !== String(shards)) {
      const message = `state store ${called}: was made with ${count} shards, not ${shards}; keep their number`;
      throw new GuardError("ERR_CONFIG_INVALID", message);
    }
    try {
      return { object, entries: parseEntries(object?.data?.[dataKey] ?? "") };
    } catch (cause) {
      const message = `state store ${called}: holds something that this library did not write`;
      throw new GuardError("ERR_CONFIG_INVALID", message, { cause });
    }
  }

  async function ask<T>(work: (options: object) => Promise<T>, limit: AbortSignal): Promise<T> {
    return await abortable(work(callOptions({ signal: limit, dated: server.asking() })), limit);
  }

  async function read(limit: AbortSignal): Promise<Seen> {
    try {
      return seen(await ask((call) => core.readNamespacedConfigMap({ namespace, name }, call), limit));
    } catch (error) {
      if (statusOf(error) === 404) return seen(undefined);
      throw error;
    }
  }

  function write({ object }: Seen, text: string, limit: AbortSignal): Promise<ConfigMapObject> {
    const body: ConfigMapObject = {
      ...object,
      metadata: {
        ...(object?.metadata ?? { namespace, name }),
        annotations: { ...object?.metadata?.annotations, [shardsKey]: String(shards) },
      },
      data: { ...object?.data, [dataKey]: text },
    };
    return ask(
      (call) =>
        object === undefined
          ? core.createNamespacedConfigMap({ namespace, body }, call)
          : core.replaceNamespacedConfigMap({ namespace, name, body }, call),
      limit,
    );
  }

  /** Runs the steps on what was seen. @returns What is to be written, and how each ended. */
  function apply(jobs: readonly Job[], { entries: kept }: Seen) {
    const at = now();
    const entries = changeEntries(kept, at, called);
    const ends = jobs.map(({ step, resolve, reject }) => {
      try {
        const value = step(entries, at);
        return () => resolve(value);
      } catch (error) {
        return () => reject(error);
      }
    });
    return { text: entries.changed ? entries.text() : undefined, ends };
  }

  /** Whether a failed write says for sure that somebody else wrote first. */
  const conflicts = (error: unknown, { object }: Seen) =>
    statusOf(error) === 409 || (object !== undefined && statusOf(error) === 404);

  async function serve(jobs: readonly Job[], limit: AbortSignal): Promise<void> {
    let fresh = cached === undefined;
    let base = cached ?? (await read(limit));
    for (let conflict = 0; ; ) {
      const { text, ends } = apply(jobs, base);
      if (text === undefined && !fresh) {
        base = await read(limit); // nothing would prove that what was remembered still holds
        cached = base;
        fresh = true;
        continue;
      }
      try {
        cached = text === undefined ? base : seen(await write(base, text, limit));
        for (const end of ends) end();
        return;
      } catch (error) {
        cached = undefined;
        if (!conflicts(error, base) || ++conflict > maxConflicts) throw error;
      }
      await sleep(systemClock, 5 * random() * 2 ** Math.min(conflict, 5), limit);
      base = await read(limit);
      fresh = true;
    }
  }

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      const jobs = waiting.splice(0).filter(({ signal }) => !signal?.aborted);
      if (jobs.length === 0) continue;
      const limit = new AbortController();
      const timer = systemClock.setTimeout(() => limit.abort(new Error(`took more than ${timeoutMs} ms`)), timeoutMs);
      try {
        await serve(jobs, limit.signal);
      } catch (cause) {
        cached = undefined;
        const error = cause instanceof GuardError ? cause : unavailable(cause);
        for (const { reject } of jobs) reject(error);
      } finally {
        timer.cancel();
      }
    }
    working = false;
  }

  return {
    async run<T>(step: (entries: Entries, now: number) => T, signal: AbortSignal | undefined): Promise<T> {
      if (closed) throw new GuardError("ERR_STATE_UNAVAILABLE", `state store ${called}: is closed`);
      signal?.throwIfAborted();
      const done = new Promise<unknown>((resolve, reject) => {
        waiting.push({ step, signal, resolve, reject });
      });
      if (!working) {
        working = true;
        queueMicrotask(() => void work()); // what is asked for in the same turn goes together
      }
      return (await abortable(done, signal)) as T;
    },
    close() {
      closed = true;
    },
  };
}
