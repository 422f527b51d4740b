import type { Clock } from "../../../core/clock.ts";
import { GuardError, isGuardError } from "../../../core/errors.ts";
import type { StateStore } from "../../../core/state-store.ts";
import type { Binding, BootstrapMachine, OpenerReport } from "../../contract.ts";

/** What the handler knows of a sealing: nothing that would open it. */
export interface SealingRecord {
  readonly machine: BootstrapMachine;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  /** Of the token, in hexadecimal. */
  readonly token: string;
  /** What the token is bound to at its first use: a claim of the opener's, or for Ignition the source address. */
  readonly bindsTo: "claim" | "address";
  /** The claim's digest, or the address; absent before the first use. */
  readonly bound?: string;
  /** Unix milliseconds of the first use. */
  readonly boundAt?: number;
  /** Nothing is handed out any more. */
  readonly closed?: true;
  readonly report?: OpenerReport;
  readonly reports?: number;
}

/** The records of a state store that all replicas share. */
export interface SealingRecords {
  /** Makes a sealing known; the same again is no error. */
  add(binding: Binding, token: string, signal: AbortSignal | undefined): Promise<void>;
  get(id: string, signal: AbortSignal | undefined): Promise<SealingRecord | undefined>;
  /**
   * Changes a record on the condition that nobody else does meanwhile; `step` may run several times.
   * @param step - Gives the record as it should be, the same one to leave it.
   * @returns The record afterwards, `undefined` where there is none.
   */
  change(
    id: string,
    step: (record: SealingRecord) => SealingRecord,
    signal: AbortSignal | undefined,
  ): Promise<SealingRecord | undefined>;
  /** Counts how often a token was used by somebody else. */
  countMisuse(id: string, record: SealingRecord, signal: AbortSignal | undefined): Promise<number>;
}

/** For as long after its expiry the use of a token is still noticed. */
const keptAfterExpiryMs = 3_600_000;
const maxConflicts = 20;
const keyOf = (id: string) => `bootstrap-http/${id}`;

/** Makes the records of a state store. */
export function sealingRecords(state: StateStore, clock: Clock): SealingRecords {
  const ttlOf = ({ expiresAt }: { readonly expiresAt: number }) =>
    Math.max(1_000, expiresAt - clock.now()) + keptAfterExpiryMs;

  const read = async (id: string, signal: AbortSignal | undefined) => {
    const found = await state.get(keyOf(id), { ...(signal && { signal }) });
    return found && { record: JSON.parse(found.value) as SealingRecord, version: found.version };
  };

  async function write(id: string, version: string | undefined, record: SealingRecord, signal?: AbortSignal) {
    const options = { ttlMs: ttlOf(record), ...(signal && { signal }) };
    return state.compareAndSet(keyOf(id), version, JSON.stringify(record), options);
  }

  /** Who reads of it should read of the store, whatever it is made of. */
  async function asked<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (signal?.aborted || (isGuardError(cause) && cause.code !== "ERR_STATE_UNAVAILABLE")) throw cause;
      throw unavailable("its state store failed", cause);
    }
  }

  return {
    add: (binding, token, signal) =>
      asked(async () => {
        const { id, machine, expiresAt, format } = binding;
        const bindsTo = format === "ignition" ? "address" : "claim";
        if (await write(id, undefined, { machine, expiresAt, token, bindsTo }, signal)) return;
        const there = (await read(id, signal))?.record;
        if (there?.token === token && there.closed === undefined) return;
        throw new GuardError("ERR_CONFIG_INVALID", "httpStore: another sealing has this id, or it was deleted");
      }, signal),
    get: (id, signal) => asked(async () => (await read(id, signal))?.record, signal),
    change: (id, step, signal) =>
      asked(async () => {
        for (let conflict = 0; conflict < maxConflicts; conflict++) {
          const found = await read(id, signal);
          if (found === undefined) return undefined;
          const next = step(found.record);
          if (next === found.record || (await write(id, found.version, next, signal))) return next;
        }
        throw unavailable("others keep changing a record");
      }, signal),
    countMisuse: (id, record, signal) =>
      asked(async () => {
        const options = { ttlMs: ttlOf(record), max: 1_000_000, ...(signal && { signal }) };
        return (await state.increment(`${keyOf(id)}/misused`, 1, options)).value;
      }, signal),
  };
}

function unavailable(why: string, cause?: unknown): GuardError {
  const options = { retryable: true, requeueAfterMs: 10_000, ...(cause !== undefined && { cause }) };
  return new GuardError("ERR_BOOTSTRAP_STORE_UNAVAILABLE", `httpStore: ${why}`, options);
}
