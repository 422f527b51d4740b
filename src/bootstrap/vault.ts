import * as z from "zod";
import { abortable, joinSignals } from "../core/abort.ts";
import { systemClock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { KubernetesObject } from "../core/kubernetes-object.ts";
import { checkRef, checkSubject, identifier, type ObjectRef } from "../core/owner.ts";
import { boundedBy } from "./bounded.ts";
import { cleaner } from "./clean-sealing.ts";
import { type CleanUpResult, cleanUp } from "./clean-up.ts";
import type { Abortable, BootstrapFormat, BootstrapMode } from "./contract.ts";
import type { BootstrapImage } from "./image.ts";
import { machineSealer, type Sealed } from "./seal-machine.ts";
import { bootstrapSigner } from "./signer.ts";
import { type SweepResult, sweeper } from "./sweep.ts";
import { declarePlain } from "./user-data/declared-plain.ts";
import { eventTeller } from "./vault-events.ts";
import { type BootstrapVaultOptions, checkTtl, parseVaultOptions } from "./vault-options.ts";
import type { CleanUpReason } from "./vault-record.ts";
import { vaultRecords } from "./vault-records.ts";
import { type BootstrapStatus, statusTeller } from "./vault-status.ts";

/** What {@link BootstrapVault.seal} seals. */
export interface SealOptions extends Abortable {
  readonly cluster: ObjectRef | KubernetesObject;
  readonly machine: ObjectRef | KubernetesObject;
  /** The bootstrap data as the bootstrap provider made it: `value` of its Secret. 1 byte to 1 MiB. */
  readonly data: Uint8Array | string;
  /** `format` of that Secret, where it is `cloud-config` or `ignition`. */
  readonly format: BootstrapFormat;
  /** What is known of the image. @defaultValue it is taken to have all that the format's opener needs */
  readonly image?: BootstrapImage;
  /** How long the machine may take to open it, in milliseconds. @defaultValue the vault's `ttlMs` */
  readonly ttlMs?: number;
  /** Refuses every other mode. @defaultValue the first one that is possible: pointer, inline, plain */
  readonly mode?: BootstrapMode;
}

/** What {@link BootstrapVault.seal} made. */
export interface SealedBootstrap {
  /** What the machine gets as user data; raw, to be encoded as the cloud wants it. */
  readonly userData: Uint8Array;
  /** Names this sealing for `cleanup`. No secret, but keep it from those who need not know. */
  readonly handle: string;
  readonly mode: BootstrapMode;
  /** When it cannot be opened any more, in Unix milliseconds. */
  readonly expiresAt: number;
}

/** Options of {@link BootstrapVault.cleanup}. */
export interface CleanupOptions extends Abortable {
  /** `node` and `deleted` end the machine's bootstrap for good: nothing is sealed for it any more. */
  readonly reason: CleanUpReason;
}

/** Keeps bootstrap data out of user data, and sees to it that nothing of it stays. */
export interface BootstrapVault extends AsyncDisposable {
  /**
   * Seals a machine's bootstrap data. For the same machine, data and format it gives the same user data and handle
   * again, in any replica on the same state, while they last: a create call may be repeated with them. Other data
   * replaces what was sealed before, and that is cleaned up.
   *
   * All items are in the store when it resolves, and none when it rejects: what could not be deleted then is
   * written down, and is left to `sweep`.
   *
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, `ERR_OWNER_INVALID`, naming the path; `ERR_BOOTSTRAP_IMPOSSIBLE`:
   *   no mode is possible, or not the one asked for, with the reason for each, or the machine's bootstrap is over;
   *   `ERR_BOOTSTRAP_STORE_UNAVAILABLE` and `ERR_STATE_UNAVAILABLE` (retryable); `ERR_GUARD_CLOSED`.
   * @throws what store, wrap and signer reject with; `signal.reason`.
   */
  seal(options: SealOptions): Promise<SealedBootstrap>;
  /**
   * Takes away what is left of a machine's bootstrap data: items in the store, plain user data, the kubeadm token.
   * Then looks whether it is gone, and writes that down. It does not need the Secret that the data came from.
   * Idempotent, and goes on where a process before it died. A machine that nothing was sealed for is clean.
   *
   * @param target - The machine, or the handle of one sealing.
   * @throws {@link GuardError} `ERR_BOOTSTRAP_NOT_CLEAN` (retryable): something is left, or it cannot be told;
   *   everything else was taken away nevertheless. `ERR_STATE_UNAVAILABLE` (retryable); `ERR_CONFIG_INVALID`,
   *   `ERR_OWNER_INVALID`, naming the path; `ERR_GUARD_CLOSED`. Rejects with `signal.reason`.
   */
  cleanup(target: ObjectRef | KubernetesObject | string, options: CleanupOptions): Promise<CleanUpResult>;
  /**
   * Cleans up after every machine whose data has expired, every sealing that was never finished, every clean-up that
   * was not, and items of this management cluster that no record knows, once they have expired. Call it
   * every few minutes, in one replica or in all.
   *
   * @returns What it did. What failed is in it, too: the rest was swept nevertheless.
   * @throws {@link GuardError} `ERR_GUARD_CLOSED`; rejects with `signal.reason`.
   */
  sweep(options?: Abortable): Promise<SweepResult>;
  /**
   * How far a machine's bootstrap data is. Asks the store whether the machine has opened it.
   *
   * @throws {@link GuardError} `ERR_OWNER_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`,
   *   `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (retryable); `ERR_GUARD_CLOSED`. Rejects with `signal.reason`.
   */
  status(machine: ObjectRef | KubernetesObject, options?: Abortable): Promise<BootstrapStatus>;
  /** Ends what is under way with `ERR_GUARD_CLOSED`, and waits until it has rolled back. State and store stay open. */
  close(): Promise<void>;
}

const maxDataBytes = 1024 ** 2;
const version = z.string().regex(/^\d+(\.\d+)*/, "expected a version, such as 3.0.11");

const sealSchema = z.strictObject({
  cluster: z.unknown(),
  machine: z.unknown(),
  data: z.union([z.string(), z.instanceof(Uint8Array)], "expected bytes or a string"),
  format: z.enum(["cloud-config", "ignition", "script"]),
  image: z
    .strictObject({
      opener: z.enum(["cloud-init", "ignition", "script"]).optional(),
      openssl: version.optional(),
      cloudInit: version.optional(),
      tools: z.array(z.string()).optional(),
    })
    .optional(),
  ttlMs: z.number().optional(),
  mode: z.enum(["pointer", "inline", "plain"]).optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

const cleanupSchema = z.strictObject({
  reason: z.enum(["node", "failed", "deadline", "deleted"]),
  signal: z.instanceof(AbortSignal).optional(),
});

const invalid = (message: string) => new GuardError("ERR_CONFIG_INVALID", message);

/** A copy: the caller may go on with his. */
function bytesOf(data: Uint8Array | string): Uint8Array {
  const bytes = Uint8Array.from(typeof data === "string" ? Buffer.from(data) : data);
  if (bytes.length === 0) throw invalid("seal.data: empty");
  if (bytes.length > maxDataBytes) throw invalid(`seal.data: ${bytes.length} bytes, at most ${maxDataBytes}`);
  return bytes;
}

/** The machine's UID, and the sealing's id where a handle names one. */
function targetOf(target: unknown): { readonly uid: string; readonly id?: string } {
  if (typeof target !== "string") return checkRef(target, "cleanup.target");
  const [uid = "", id = "", ...rest] = target.split("/");
  if (identifier.test(uid) && /^[0-9a-f]{32}$/.test(id) && rest.length === 0) return { uid, id };
  throw invalid("cleanup.target: expected the machine, or a handle of seal");
}

/**
 * Makes the vault through which bootstrap data reaches machines: sealed on the way, opened once, gone afterwards.
 *
 * `seal` chooses how: ciphertext in a store with a pointer in the user data; all of it in the user data where it
 * fits; unprotected where nothing else is possible and `allowPlain` says so. `cleanup` takes everything away once the
 * machine has its Node, has failed or is deleted, and `sweep` whatever a crash or an outage has left.
 *
 * @param options - See {@link BootstrapVaultOptions}.
 * @returns The vault; it keeps no process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import type { StateStore } from "provider-guard";
 * import { type BootstrapStore, bootstrapVault, type KeyWrap } from "provider-guard/bootstrap";
 * declare const state: StateStore;
 * declare const store: BootstrapStore;
 * declare const wrap: KeyWrap;
 * declare const data: Uint8Array;
 * const vault = bootstrapVault({
 *   managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90",
 *   cloud: "aws",
 *   state,
 *   store,
 *   wrap,
 * });
 * const cluster = { namespace: "default", name: "prod", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" };
 * const machine = { namespace: "default", name: "prod-1", uid: "5e0a8a2c-4b1f-4c57-8f60-0a9b1c2d3e4f" };
 * const { userData } = await vault.seal({ cluster, machine, data, format: "cloud-config" });
 * console.log(userData.length); // for RunInstances
 * await vault.cleanup(machine, { reason: "node" });
 */
export function bootstrapVault(options: BootstrapVaultOptions): BootstrapVault {
  const settings = parseVaultOptions(options);
  const { cloud, allowPlain, timeoutMs, abandonedMs, maxTtlMs, rememberMs, concurrency } = settings;
  const { managementCluster, state, store, wrap, metadata, revokeToken, clock = systemClock } = options;
  const signer = options.signer ?? bootstrapSigner();
  const tell = eventTeller(options.onEvent, options.guard, clock);
  const now = () => clock.now();
  const bounded = boundedBy(clock, timeoutMs);
  const onUnreadable = (key: string) => tell({ type: "unreadable", key });
  const records = vaultRecords({ state, managementCluster, rememberMs, onUnreadable });
  const running = new Set<string>();
  const tools = { ...(store && { store }), ...(metadata && { metadata }), ...(revokeToken && { revokeToken }) };
  const clean = cleaner({ ...tools, records, bounded, concurrency });
  const cleaning = cleanUp(records, clean, tell, now);
  const common = { records, bounded, concurrency, abandonedMs, store, tell, running, cleanUp: cleaning };
  const boundedPut = boundedBy(clock, abandonedMs);
  const sealFor = machineSealer({ ...common, boundedPut, clock, wrap, signer, clean });
  const sweepAll = sweeper({ ...common, managementCluster, now, maxTtlMs });
  const statusOf = statusTeller({ store, bounded, now, concurrency });

  const closing = new AbortController();
  const tasks = new Set<Promise<unknown>>();
  const turns = new Map<string, Promise<unknown>>();

  /** Ends with the caller's signal or the vault at once, while the work itself still has its roll-back to do. */
  function task<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const joined = joinSignals(signal, closing.signal) as AbortSignal;
    if (joined.aborted) return Promise.reject(joined.reason);
    const ended = work(joined);
    const settled: Promise<unknown> = ended.catch(() => undefined).finally(() => tasks.delete(settled));
    tasks.add(settled);
    return abortable(ended, joined);
  }

  /** One at a time for each machine: whoever comes second finds what the first one has made. */
  async function inTurn<T>(uid: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = turns.get(uid);
    const mine = (async () => {
      await before?.catch(() => undefined);
      signal.throwIfAborted();
      return work();
    })();
    turns.set(uid, mine);
    try {
      return await mine;
    } finally {
      if (turns.get(uid) === mine) turns.delete(uid);
    }
  }

  function result({ userData, sealing }: Sealed, uid: string): SealedBootstrap {
    const { id, mode, expiresAt } = sealing;
    if (mode === "plain") declarePlain(userData);
    return Object.freeze({ userData, handle: `${uid}/${id}`, mode, expiresAt });
  }

  const vault: BootstrapVault = {
    async seal(given) {
      const parsed = parseOptions(sealSchema, given, "seal");
      const { cluster, machine } = checkSubject(given, "seal") as { cluster: ObjectRef; machine?: ObjectRef };
      if (machine === undefined) throw new GuardError("ERR_OWNER_INVALID", "seal.machine: missing");
      const { format, image, mode } = parsed as SealOptions;
      const data = bytesOf(given.data);
      const facts = { cloud, format, image, store, wrap, allowPlain, metadata };
      const ttlMs = checkTtl(given.ttlMs, settings);
      const request = { machine: { managementCluster, cluster, machine }, data, format, mode, ttlMs, facts };
      const { uid } = machine;
      const sealed = await task(given.signal, (signal) => inTurn(uid, signal, () => sealFor(request, signal)));
      return result(sealed, uid);
    },
    async cleanup(target, given) {
      const { reason } = parseOptions(cleanupSchema, given, "cleanup");
      const { uid, id } = targetOf(target);
      const select = id === undefined ? {} : { select: (sealing: { readonly id: string }) => sealing.id === id };
      return task(given.signal, (signal) => cleaning(uid, { reason, ...select, signal }));
    },
    sweep: async ({ signal } = {}) => task(signal, sweepAll),
    async status(machine, { signal } = {}) {
      const { uid } = checkRef(machine, "status.machine");
      return task(signal, async (joined) => statusOf(await records.read(uid, joined), joined));
    },
    async close() {
      closing.abort(new GuardError("ERR_GUARD_CLOSED", "the vault is closed"));
      while (tasks.size > 0) await Promise.all(tasks);
    },
    [Symbol.asyncDispose]: () => vault.close(),
  };
  return vault;
}
