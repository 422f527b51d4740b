import { abortable, joinSignals } from "../core/abort.ts";
import { systemClock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { checkRef, checkSubject, type ObjectRef } from "../core/owner.ts";
import { boundedBy } from "./bounded.ts";
import { cleaner } from "./clean-sealing.ts";
import { cleanUp } from "./clean-up.ts";
import { machineSealer, type Sealed } from "./seal-machine.ts";
import { bootstrapSigner } from "./signer.ts";
import { sweeper } from "./sweep.ts";
import { declarePlain } from "./user-data/declared-plain.ts";
import { bytesOf, cleanupSchema, sealSchema, targetOf } from "./vault-arguments.ts";
import { eventTeller } from "./vault-events.ts";
import type { BootstrapVault, SealedBootstrap, SealOptions } from "./vault-interface.ts";
import { type BootstrapVaultOptions, checkTtl, parseVaultOptions } from "./vault-options.ts";
import { vaultRecords } from "./vault-records.ts";
import { statusTeller } from "./vault-status.ts";

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
