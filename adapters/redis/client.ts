import module from "node:module"; // not by name: the usual banner of bundled programs declares `createRequire` itself
import { GuardError } from "../../src/core/errors.ts";

// biome-ignore lint/suspicious/noExplicitAny: as Node's own type of event listeners.
type Listener = (...args: any[]) => void;

/** What the store uses of an ioredis client, `Redis` or `Cluster`, of any version. */
export interface RedisClient {
  readonly status: string;
  readonly options: object;
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  connect(): Promise<void>;
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
  /** Only a `Cluster` has it. */
  nodes?(role: "master"): RedisClient[];
}

/** A client that the store made, with what it needs to let the process end. */
export interface OwnClient extends RedisClient {
  disconnect(): void;
  readonly stream?: Referable;
  readonly reconnectTimeout?: Referable | null;
}

interface Referable {
  readonly connecting?: boolean;
  readonly destroyed?: boolean;
  ref?(): unknown;
  unref?(): unknown;
}

interface KnownOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly name?: string;
  readonly sentinels?: unknown;
  readonly keyPrefix?: string;
  readonly autoResendUnfulfilledCommands?: boolean;
  readonly retryDelayOnFailover?: number;
}

const optionsOf = (client: RedisClient) => Object(client.options) as KnownOptions;

/** Whether it sends a command again without knowing whether the first was executed. */
export function resends(client: RedisClient): boolean {
  const { autoResendUnfulfilledCommands = true, retryDelayOnFailover = 100 } = optionsOf(client);
  return client.nodes === undefined ? autoResendUnfulfilledCommands : retryDelayOnFailover > 0;
}

/** What a client puts before every key by itself. */
export const keyPrefixOf = (client: RedisClient): string => optionsOf(client).keyPrefix ?? "";

/** What is called so in messages: where it is, and nothing secret. */
export function serverOf(client: RedisClient): string {
  const { host, port, path, name, sentinels } = optionsOf(client);
  if (client.nodes !== undefined) return "redis cluster";
  if (sentinels) return `redis ${name ?? "behind sentinels"}`;
  return `redis ${path ?? `${host ?? "localhost"}:${port ?? 6379}`}`;
}

/** Where Redis is and how to speak to it, in the names of ioredis, which gets all of it: any of its `RedisOptions`. */
export interface RedisConnection {
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string | undefined;
  readonly db?: number;
  /** As for `tls.connect`. */
  readonly tls?: object;
  readonly [option: string]: unknown;
}

type Ioredis = { readonly Redis: new (...args: (string | RedisConnection)[]) => OwnClient };

/** @param load - Resolves a package as seen from this one. */
export function loadIoredis(load: (name: string) => unknown = module.createRequire(import.meta.url)): Ioredis {
  try {
    return load("ioredis") as Ioredis;
  } catch (cause) {
    throw new GuardError("ERR_CONFIG_INVALID", "redis: the package ioredis is missing: npm install ioredis", { cause });
  }
}

/** Makes a client that gives up early: no command waits for a connection, and none is sent twice. */
export function makeClient(url: string | undefined, connection: RedisConnection, timeoutMs: number): OwnClient {
  const { Redis } = loadIoredis();
  const options: RedisConnection = {
    connectTimeout: 2_000,
    // An answer so late has been given up long ago: a new connection finds a way that this one may not.
    socketTimeout: Math.max(1_000, 2 * timeoutMs),
    retryStrategy: (times: number) => Math.min(25 * 2 ** Math.min(times, 10), 500),
    ...connection,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  };
  try {
    return url === undefined ? new Redis(options) : new Redis(url, options);
  } catch (cause) {
    throw new GuardError("ERR_CONFIG_INVALID", "redis.connection: ioredis refuses it", { cause });
  }
}
