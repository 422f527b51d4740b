import { abortable } from "../core/abort.ts";
import { GuardError } from "../core/errors.ts";
import type { StateStore } from "../core/state-store.ts";
import { formatRecord, isClean, type MachineRecord, parseRecord } from "./vault-record.ts";

/** Where the vault writes down what it has sealed, one key for each machine. */
export interface VaultRecords {
  read(uid: string, signal?: AbortSignal): Promise<MachineRecord | undefined>;
  /**
   * Changes a record on the condition that nobody else does meanwhile, again if need be.
   *
   * @param change - Gives the record as it should be; `undefined`: as it is. May be called several times.
   * @returns What stands there afterwards, and whether the change was made.
   */
  update(
    uid: string,
    change: (record: MachineRecord | undefined) => MachineRecord | undefined,
    signal?: AbortSignal,
  ): Promise<{ readonly record: MachineRecord | undefined; readonly changed: boolean }>;
  /** Every machine's. */
  all(signal?: AbortSignal): AsyncIterable<MachineRecord>;
  /** User data of a sealing, encrypted, until the sealing ends. */
  keep(id: string, text: string, ttlMs: number, signal?: AbortSignal): Promise<void>;
  kept(id: string, signal?: AbortSignal): Promise<string | undefined>;
  forget(id: string, signal?: AbortSignal): Promise<void>;
}

/** Options of {@link vaultRecords}. */
export interface VaultRecordsOptions {
  readonly state: StateStore;
  readonly managementCluster: string;
  /** How long the record of a machine without anything left is remembered, in milliseconds. */
  readonly rememberMs: number;
  /** Sees the key of what cannot be read; it counts as not there. */
  readonly onUnreadable: (key: string) => void;
}

const maxConflicts = 20;

/** Keeps the vault's records in a state store. */
export function vaultRecords(options: VaultRecordsOptions): VaultRecords {
  const { state, managementCluster, rememberMs, onUnreadable } = options;
  const root = `bootstrap/${managementCluster}`;
  const keyOf = (uid: string) => `${root}/machine/${uid}`;
  const keptKeyOf = (id: string) => `${root}/user-data/${id}`;
  const given = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

  function parse(key: string, text: string): MachineRecord | undefined {
    const record = parseRecord(text);
    if (record === undefined || record.machine.managementCluster !== managementCluster) {
      onUnreadable(key);
      return undefined;
    }
    return record;
  }

  return {
    async read(uid, signal) {
      const entry = await abortable(state.get(keyOf(uid), given(signal)), signal);
      return entry && parse(keyOf(uid), entry.value);
    },
    async update(uid, change, signal) {
      const key = keyOf(uid);
      for (let conflicts = 0; conflicts < maxConflicts; conflicts++) {
        const entry = await abortable(state.get(key, given(signal)), signal);
        const before = entry && parse(key, entry.value);
        const record = change(before);
        if (record === undefined) return { record: before, changed: false };
        const ttl = isClean(record) ? { ttlMs: rememberMs } : {};
        const writing = state.compareAndSet(key, entry?.version, formatRecord(record), { ...ttl, ...given(signal) });
        if (await abortable(writing, signal)) return { record, changed: true };
      }
      throw new GuardError("ERR_STATE_UNAVAILABLE", `state["${key}"]: others keep changing it`, {
        retryable: true,
        requeueAfterMs: 10_000,
      });
    },
    async *all(signal) {
      for await (const [key, { value }] of state.scan(`${root}/machine/`, given(signal))) {
        signal?.throwIfAborted();
        const record = parse(key, value);
        if (record !== undefined) yield record;
      }
    },
    keep: (id, text, ttlMs, signal) =>
      abortable(state.put(keptKeyOf(id), text, { ttlMs: Math.max(1, ttlMs), ...given(signal) }), signal),
    kept: async (id, signal) => (await abortable(state.get(keptKeyOf(id), given(signal)), signal))?.value,
    async forget(id, signal) {
      await abortable(state.delete(keptKeyOf(id), given(signal)), signal);
    },
  };
}
