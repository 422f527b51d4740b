import * as z from "zod";
import type { Clock } from "../../../core/clock.ts";
import { parseOptions } from "../../../core/config.ts";
import type { StateStore } from "../../../core/state-store.ts";
import type { BootstrapMachine, ReadableBootstrapStore } from "../../contract.ts";
import type { HttpStoreEvent } from "./events.ts";

/** Who asks, with a token that is right. */
export interface SourceQuestion {
  readonly machine: BootstrapMachine;
  /** IPv4 or IPv6 address. */
  readonly source: string;
  readonly signal: AbortSignal;
}

/** Options of {@link httpStore}. */
export interface HttpStoreOptions {
  /** Where machines reach the handler, e.g. `https://bootstrap.example.com/machines`; `https` unless on loopback. */
  readonly url: string;
  /** Where the items lie, encrypted; e.g. `directoryStore`, `secretStore`, `memoryStore`. The same for all replicas. */
  readonly backing: ReadableBootstrapStore;
  /** Who has used which token. The same for all replicas. */
  readonly state: StateStore;
  /**
   * At least 32 random bytes that the sealings' tokens are derived from. Replicas need it only where one is to
   * make user data again for what another one has sealed: handing out needs no key.
   * @defaultValue random for each process
   */
  readonly key?: Uint8Array;
  /** Path that requests come with. @defaultValue the path of `url` */
  readonly path?: string;
  /** Certificates (PEM) that machines trust for `url` in place of those that their image trusts. @defaultValue none */
  readonly certificateAuthority?: string;
  /**
   * Whether a machine may fetch from this address, e.g. because the cloud says that it is the machine's own. Asked
   * when the token is known to be right. What it throws is answered with 503.
   * @defaultValue any address
   */
  readonly allowSource?: (question: SourceQuestion) => boolean | Promise<boolean>;
  /** Own proxies in front of the handler that add to `X-Forwarded-For`. @defaultValue 0: the socket's address counts */
  readonly trustedProxies?: number;
  /** For how long after its first answer Ignition may ask again, in milliseconds. @defaultValue 600000 */
  readonly ignitionWindowMs?: number;
  /**
   * Failed requests of one address (of IPv6: of one /64) in a minute, after which it is answered 429 until that minute
   * is over. Machines behind one NAT share it, and what runs on the machine does; openers go on trying.
   * @defaultValue 30
   */
  readonly maxFailuresPerMinute?: number;
  /** How long one request may take, its answer being read included, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs?: number;
  /** Allows `http://` beyond loopback: whoever listens then gets token and ciphertext. @defaultValue false */
  readonly allowInsecure?: boolean;
  /** Hears what happens. What it throws is ignored. */
  readonly onEvent?: (event: HttpStoreEvent) => void;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const isLoopback = ({ hostname }: URL) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
const isFunction = (value: unknown) => typeof value === "function";

const schema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    // Of what a shell, a header and a URL all take for itself.
    .regex(/^https?:\/\/[A-Za-z0-9.:[\]-]+(\/[A-Za-z0-9._~-]+)*\/?$/, "must have no credentials, query, or fragment"),
  backing: z.custom<ReadableBootstrapStore>(
    (value) => isFunction(Object(value).get),
    "expected a store that can be read: it has no `get`",
  ),
  state: z.custom<StateStore>((value) => isFunction(Object(value).compareAndSet), "expected a state store"),
  key: z
    .custom<Uint8Array>((value) => value instanceof Uint8Array && value.length >= 32, "expected at least 32 bytes")
    .optional(),
  path: z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)*\/?$/, "expected a path")
    .optional(),
  certificateAuthority: z.string().includes("-----BEGIN CERTIFICATE-----").optional(),
  allowSource: z.custom<NonNullable<HttpStoreOptions["allowSource"]>>(isFunction).optional(),
  trustedProxies: z.int().min(0).max(10).default(0),
  ignitionWindowMs: z.number().min(0).max(86_400_000).default(600_000),
  maxFailuresPerMinute: z.int().min(1).max(100_000).default(30),
  timeoutMs: z
    .number()
    .positive()
    .max(2 ** 31 - 1)
    .default(30_000),
  allowInsecure: z.boolean().default(false),
  onEvent: z.custom<(event: HttpStoreEvent) => void>(isFunction).optional(),
  clock: z.custom<Clock>().optional(),
});

/**
 * Checks the options.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function httpStoreOptions(options: HttpStoreOptions) {
  const checked = schema.refine(
    ({ url, allowInsecure }) => allowInsecure || url.startsWith("https:") || isLoopback(new URL(url)),
    { path: ["url"], message: "must be https, or `allowInsecure` be said" },
  );
  const { url, path = new URL(url).pathname, key, ...settings } = parseOptions(checked, options, "httpStore");
  const bare = (text: string) => text.replace(/\/+$/, "");
  return { ...settings, url: bare(url), prefix: `${bare(path)}/`, key: key && Uint8Array.from(key) };
}

/** Options that were checked. */
export type HttpStoreSettings = ReturnType<typeof httpStoreOptions>;
