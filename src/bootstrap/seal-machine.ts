import { sleep } from "../core/clock.ts";
import { eachBounded } from "../core/each-bounded.ts";
import { GuardError } from "../core/errors.ts";
import type { Bounded } from "./bounded.ts";
import type { Cleaner } from "./clean-sealing.ts";
import type { CleanUp } from "./clean-up.ts";
import type { BootstrapMachine } from "./contract.ts";
import { type Draft, type DraftParts, drafter, nameOf, type SealRequest } from "./draft.ts";
import { isSameData, keepUserData, readUserData } from "./kept-user-data.ts";
import { type Teller, tellSealed } from "./vault-events.ts";
import { type MachineRecord, type SealingRecord, withSealing } from "./vault-record.ts";
import type { VaultRecords } from "./vault-records.ts";

/** What the machine gets, and the record of it. */
export interface Sealed {
  readonly userData: Uint8Array;
  readonly sealing: SealingRecord;
}

/** What sealing works with. */
export interface SealParts extends DraftParts {
  readonly records: VaultRecords;
  /** As `bounded`, for all items of one sealing. */
  readonly boundedPut: Bounded;
  readonly abandonedMs: number;
  readonly concurrency: number;
  readonly clean: Cleaner;
  readonly cleanUp: CleanUp;
  readonly tell: Teller;
  /** Ids of sealings that this process is at: `sweep` leaves them alone. */
  readonly running: Set<string>;
}

const pollMs = 250;

/** Seals for one machine at a time: the caller sees to that within a process, the records see to it beyond. */
export function machineSealer(parts: SealParts) {
  const { records, bounded, clock, store, tell, running } = parts;
  const draft = drafter(parts);
  /** Sealings that this process has begun and given up: nobody needs to wait for them. */
  const givenUp = new Set<string>();

  /** The sealing that holds these very data, with its user data; `undefined` where there is none that still counts. */
  async function repeated(request: SealRequest, sealing: SealingRecord, signal: AbortSignal | undefined) {
    const { data, format, mode } = request;
    if (sealing.stage !== "sealed" || clock.now() >= sealing.expiresAt) return undefined;
    if (sealing.format !== format || (mode ?? sealing.mode) !== sealing.mode) return undefined;
    if (!isSameData(data, format, sealing)) return undefined;
    if (sealing.mode === "plain") return { userData: Uint8Array.from(data), sealing };
    const kept = await records.kept(sealing.id, signal);
    const userData = kept === undefined ? undefined : readUserData(kept, data, format, sealing.salt);
    return userData && { userData, sealing };
  }

  /** Writes down what will be put, and that what was there before goes; only if nobody else did so meanwhile. */
  async function begin(
    machine: BootstrapMachine,
    latest: SealingRecord | undefined,
    sealing: SealingRecord,
    signal: AbortSignal | undefined,
  ) {
    const { changed } = await records.update(
      machine.machine.uid,
      (record) => {
        const now = record?.sealings.at(-1);
        if (now?.id !== latest?.id || now?.stage !== latest?.stage || record?.over !== undefined) return undefined;
        const earlier = (record?.sealings ?? []).map((one): SealingRecord => {
          if (one.stage !== "sealed" && one.stage !== "sealing") return one;
          return { ...one, stage: "cleaning", reason: one.stage === "sealed" ? "replaced" : "abandoned" };
        });
        return { ...record, machine, sealings: [...earlier, sealing] };
      },
      signal,
    );
    return changed;
  }

  async function put({ items, sealing }: Draft, machine: BootstrapMachine, signal: AbortSignal | undefined) {
    if (items.length === 0 || store === undefined) return;
    const { id, mode, format, sealedAt, expiresAt } = sealing;
    const binding = { machine, id, mode, format, sealedAt, expiresAt };
    const who = `store ${store.name}`;
    await parts.boundedPut(
      who,
      async ({ signal: within }) => {
        const stop = new AbortController();
        const all = AbortSignal.any([within, stop.signal]);
        const failures = await eachBounded(items.entries(), parts.concurrency, async ([index, bytes]) => {
          try {
            all.throwIfAborted();
            await bounded(who, (options) => store.put(`${id}/${index}`, bytes, binding, options), all);
          } catch (error) {
            stop.abort(error); // the first one that fails ends all: none of them is of use without the others
            throw error;
          }
        });
        if (failures.length > 0) throw stop.signal.reason;
      },
      signal,
    );
  }

  /** Nothing of it was handed out, and nothing of it stays: what cannot be deleted is written down for `sweep`. */
  async function rollBack(machine: BootstrapMachine, sealing: SealingRecord): Promise<void> {
    const { uid } = machine.machine;
    const { leftovers, failures } = await parts.clean(machine, sealing, { keepTokens: "all", signal: undefined });
    const reason = "abandoned";
    if (leftovers.length > 0) {
      const { mode } = sealing;
      tell({ type: "not-clean", machine: machine.machine, mode, reason, leftovers, error: failures[0] });
    }
    await records.update(uid, (record) => {
      const mine = record?.sealings.find(({ id }) => id === sealing.id);
      if (record === undefined || mine?.stage !== "sealing") return undefined;
      const left: SealingRecord | undefined =
        leftovers.length === 0 ? undefined : { ...mine, stage: "cleaning", reason, leftovers: [...leftovers] };
      return withSealing(record, sealing.id, () => left);
    });
  }

  /** @returns Whether it counts: not where somebody else has replaced it, or the machine's bootstrap is over. */
  async function finish(machine: BootstrapMachine, sealing: SealingRecord, signal: AbortSignal | undefined) {
    const { changed } = await records.update(
      machine.machine.uid,
      (record) => {
        const mine = record?.sealings.find(({ id }) => id === sealing.id);
        if (record === undefined || mine?.stage !== "sealing") return undefined;
        return withSealing(record, sealing.id, (one) => ({ ...one, stage: "sealed" }));
      },
      signal,
    );
    return changed;
  }

  /** Puts and finishes what has begun. @returns `undefined` where it was replaced meanwhile. */
  async function complete(
    request: SealRequest,
    made: Draft,
    signal: AbortSignal | undefined,
  ): Promise<Sealed | undefined> {
    const { machine, data, format } = request;
    const { userData, sealing } = made;
    try {
      await put(made, machine, signal);
      if (sealing.mode !== "plain") {
        const kept = keepUserData(userData, data, format, sealing.salt);
        await records.keep(sealing.id, kept, sealing.expiresAt - clock.now(), signal);
      }
    } catch (error) {
      await rollBack(machine, sealing).catch(() => undefined); // the record says what is left
      throw error;
    }
    // Not rolled back if this fails: it may have been written, and then it is what the next caller gets.
    if (await finish(machine, sealing, signal)) return { userData, sealing: { ...sealing, stage: "sealed" } };
    await rollBack(machine, sealing).catch(() => undefined);
    return undefined;
  }

  /** What was replaced goes now; what cannot go is told by an event, and left to `sweep`. */
  async function cleanEarlier({ machine }: BootstrapMachine, signal: AbortSignal | undefined): Promise<void> {
    const select = ({ stage }: SealingRecord) => stage === "cleaning";
    await parts.cleanUp(machine.uid, { select, signal }).catch(() => undefined);
  }

  /** @returns `undefined` where somebody else was faster. */
  async function attempt(request: SealRequest, latest: SealingRecord | undefined, signal: AbortSignal | undefined) {
    const made = await draft(request, signal);
    const { id } = made.sealing;
    running.add(id);
    try {
      if (!(await begin(request.machine, latest, made.sealing, signal))) return undefined;
      if (latest !== undefined) givenUp.delete(latest.id);
      return await complete(request, made, signal);
    } catch (error) {
      givenUp.add(id);
      throw error;
    } finally {
      running.delete(id);
    }
  }

  function checkNotOver(machine: BootstrapMachine, record: MachineRecord | undefined): void {
    if (record?.over === undefined) return;
    const message = `bootstrap of ${nameOf(machine)} is over (${record.over}): nothing is sealed for it any more`;
    throw new GuardError("ERR_BOOTSTRAP_IMPOSSIBLE", message);
  }

  return async (request: SealRequest, signal: AbortSignal | undefined): Promise<Sealed> => {
    const { machine } = request;
    let waiting: { readonly id: string; readonly since: number } | undefined;
    for (;;) {
      const record = await records.read(machine.machine.uid, signal);
      checkNotOver(machine, record);
      const latest = record?.sealings.at(-1);
      const again = latest && (await repeated(request, latest, signal));
      if (again !== undefined) return again;
      if (latest?.stage === "sealing" && !givenUp.has(latest.id)) {
        if (waiting?.id !== latest.id) waiting = { id: latest.id, since: clock.monotonic() };
        if (clock.monotonic() - waiting.since < parts.abandonedMs) {
          await sleep(clock, pollMs, signal); // another process is at it
          continue;
        }
      }
      const done = await attempt(request, latest, signal);
      if (done === undefined) continue;
      tellSealed(tell, machine.machine, done.sealing);
      if (record?.sealings.some(({ stage }) => stage !== "cleaned")) await cleanEarlier(machine, signal);
      return done;
    }
  };
}
