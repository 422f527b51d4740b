import * as z from "zod";
import type { Clock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { identifier } from "../core/owner.ts";
import type { StateStore } from "../core/state-store.ts";
import { type BootstrapCloud, type KnownBootstrapCloud, knownClouds } from "./cloud-limits.ts";
import type { Abortable, BootstrapMachine, BootstrapStore, KeyWrap } from "./contract.ts";
import type { BootstrapSigner } from "./signer.ts";
import type { BootstrapEvent } from "./vault-events.ts";

/** Changes the user data of a machine that runs. Both methods find the machine by its owner tags, or as you please. */
export interface BootstrapMetadata {
  /** Replaces user data by something that says nothing. A machine that is gone is no error. */
  overwrite(machine: BootstrapMachine, options: Abortable): Promise<void>;
  /** Whether the machine's user data holds nothing of what was given to it, or the machine is gone. */
  isClean(machine: BootstrapMachine, options: Abortable): Promise<boolean>;
}

/** Options of `bootstrapVault`. */
export interface BootstrapVaultOptions {
  /** UID of the management cluster's `kube-system` namespace. */
  readonly managementCluster: string;
  /** The cloud's name, or what it takes as user data. */
  readonly cloud: KnownBootstrapCloud | BootstrapCloud;
  /**
   * Where it is kept what was sealed. One that does not survive the process leaves clean-up after a restart to
   * `sweep`, which then waits until items have expired.
   */
  readonly state: StateStore;
  /** Where ciphertext waits for the machine. @defaultValue none: no mode `pointer` */
  readonly store?: BootstrapStore;
  /** What protects the key. @defaultValue none: neither `pointer` nor `inline`, but for Ignition */
  readonly wrap?: KeyWrap;
  /** What signs manifests. @defaultValue a key of this process, which no image can pin */
  readonly signer?: BootstrapSigner;
  /**
   * Whether data may go to the machine unprotected where nothing else is possible. Needs `onEvent`.
   * @defaultValue false
   */
  readonly allowPlain?: boolean;
  /** How user data of a running machine is overwritten, where the cloud lets it be. @defaultValue no mode `plain` */
  readonly metadata?: BootstrapMetadata;
  /**
   * Revokes a kubeadm token by its public part; one that is gone is no error.
   * @defaultValue tokens end by themselves
   */
  readonly revokeToken?: (tokenId: string, machine: BootstrapMachine, options: Abortable) => Promise<void>;
  /** How long sealed data can be opened, in milliseconds, at least a minute. @defaultValue 3600000, an hour */
  readonly ttlMs?: number;
  /** The longest that `seal` may ask for, in milliseconds. @defaultValue 86400000, a day */
  readonly maxTtlMs?: number;
  /** How long a request to store, state, metadata or API server may take, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs?: number;
  /**
   * How long items may take to be put, in milliseconds; a sealing of a process that died in between is replaced
   * after that time. @defaultValue 60000
   */
  readonly abandonedMs?: number;
  /** How long it is remembered that a machine's bootstrap is over, in milliseconds. @defaultValue 604800000, a week */
  readonly rememberMs?: number;
  /** How many machines `sweep` cleans at the same time, and items of one machine. @defaultValue 4 */
  readonly concurrency?: number;
  /** Sees what happens. @defaultValue nobody does */
  readonly onEvent?: (event: BootstrapEvent) => void;
  /** The guard whose audit log gets a notice of each sealing and clean-up. @defaultValue none */
  readonly guard?: object;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const fn = z.custom<(...parameters: never) => unknown>((value) => typeof value === "function", "expected a function");
const minTtlMs = 60_000;
const ttl = z.int().min(minTtlMs);

const cloud = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, "expected up to 64 letters, digits, . _ -"),
  maxUserDataBytes: z.int().min(1024),
  base64: z.boolean().default(false),
  overwritable: z.boolean().default(false),
});

const schema = z.strictObject({
  managementCluster: z.string().regex(identifier, "expected the UID of the kube-system namespace"),
  cloud: z.union([z.enum(Object.keys(knownClouds) as [KnownBootstrapCloud, ...KnownBootstrapCloud[]]), cloud], {
    error: `expected ${Object.keys(knownClouds).join(", ")}, or { name, maxUserDataBytes, … }`,
  }),
  state: z.looseObject({ get: fn, put: fn, compareAndSet: fn, delete: fn, scan: fn }),
  store: z
    .looseObject({
      name: z.string().min(1),
      maxItemBytes: z.int().min(256),
      maxItems: z.int().min(1),
      put: fn,
      delete: fn,
      has: fn,
      list: fn,
      opener: fn,
    })
    .optional(),
  wrap: z.looseObject({ name: z.string().min(1), opener: fn }).optional(),
  signer: z.looseObject({ publicKey: z.string().min(1), sign: fn }).optional(),
  allowPlain: z.boolean().default(false),
  metadata: z.looseObject({ overwrite: fn, isClean: fn }).optional(),
  revokeToken: fn.optional(),
  maxTtlMs: ttl.max(30 * 86_400_000).default(86_400_000),
  ttlMs: ttl.default(3_600_000),
  timeoutMs: z.number().min(1).max(600_000).default(30_000),
  abandonedMs: z.number().min(1000).max(3_600_000).default(60_000),
  rememberMs: z
    .number()
    .min(minTtlMs)
    .max(366 * 86_400_000)
    .default(7 * 86_400_000),
  concurrency: z.int().min(1).max(100).default(4),
  onEvent: fn.optional(),
  guard: z.looseObject({}).optional(),
  clock: z.looseObject({ now: fn, monotonic: fn, setTimeout: fn }).optional(),
});

/** Options that were checked, with defaults put in. */
export interface VaultSettings {
  readonly cloud: BootstrapCloud;
  readonly allowPlain: boolean;
  readonly ttlMs: number;
  readonly maxTtlMs: number;
  readonly timeoutMs: number;
  readonly abandonedMs: number;
  readonly rememberMs: number;
  readonly concurrency: number;
}

const invalid = (message: string) => new GuardError("ERR_CONFIG_INVALID", `bootstrapVault.${message}`);

/** @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function parseVaultOptions(options: BootstrapVaultOptions): VaultSettings {
  const parsed = parseOptions(schema, options, "bootstrapVault");
  if (parsed.ttlMs > parsed.maxTtlMs) throw invalid("ttlMs: longer than maxTtlMs");
  if (parsed.allowPlain && options.onEvent === undefined) {
    throw invalid("onEvent: missing; allowPlain needs somebody who is told of each machine that gets plain data");
  }
  return { ...parsed, cloud: typeof parsed.cloud === "string" ? knownClouds[parsed.cloud] : parsed.cloud };
}

/** @throws {@link GuardError} `ERR_CONFIG_INVALID`: outside of the bounds. */
export function checkTtl(ttlMs: unknown, { ttlMs: usual, maxTtlMs }: VaultSettings): number {
  if (ttlMs === undefined) return usual;
  if (typeof ttlMs === "number" && ttlMs >= minTtlMs && ttlMs <= maxTtlMs) return ttlMs;
  throw new GuardError("ERR_CONFIG_INVALID", `seal.ttlMs: expected ${minTtlMs} to ${maxTtlMs} milliseconds`);
}
