import * as z from "zod";
import { abortable, onAbort } from "../core/abort.ts";
import { sleep, systemClock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import type { ObjectRef } from "../core/owner.ts";
import type { StateStore } from "../core/state-store.ts";
import { backoffMs } from "./backoff.ts";
import type { ObjectChange } from "./known-objects.ts";
import { type MachineObject, type MachineOutcome, machineOutcome } from "./machine-outcome.ts";
import { isBeingMoved } from "./object-facts.ts";
import type { ObjectSource } from "./object-source.ts";
import { slots } from "./slots.ts";
import { toldMachines } from "./told-machines.ts";
import { type ObjectWatch, watchObjects } from "./watch-objects.ts";
import { fn, tuningSchema, type WatchTuning, watchable, watchName } from "./watch-options.ts";

/** A Machine whose bootstrap is over. */
export interface MachineSettled extends MachineOutcome {
  readonly machine: ObjectRef;
  /** Whether an earlier process may have told it already and not have written it down: it was there before this one. */
  readonly maybeRepeated: boolean;
}

/** Options of {@link watchNodeRef}. */
export interface WatchNodeRefOptions extends WatchTuning {
  readonly machines: ObjectSource<MachineObject>;
  /** Is told each Machine. If it fails it is told again after a pause; `close` waits for it. */
  readonly onMachine: (settled: MachineSettled, options: { readonly signal: AbortSignal }) => void | Promise<void>;
  /** Where it is kept what was told. Without one that survives the process a restart tells again, and says so. */
  readonly state?: StateStore;
  /** Keeps several watches on one store apart. @defaultValue `default` */
  readonly name?: string;
  /** How many Machines are told at the same time. @defaultValue 8 */
  readonly concurrency?: number;
}

interface Entry {
  readonly ref: ObjectRef;
  phase: "waiting" | "telling" | "told";
  /** Whether it exists, as far as this process has seen; `undefined` before it has seen anything. */
  exists: boolean | undefined;
  moved: boolean;
  /** Whether an earlier process knew it. */
  readonly remembered: boolean;
}

const schema = z.strictObject({
  machines: watchable,
  onMachine: fn,
  state: z.looseObject({ put: fn, delete: fn, scan: fn }).optional(),
  name: watchName,
  concurrency: z.number().int().min(1).max(1000).default(8),
  ...tuningSchema,
});

/**
 * Tells each Machine once, by its UID, as soon as its bootstrap is over: it has its NodeRef, has failed,
 * or is being deleted, whichever comes first; see {@link machineOutcome}. That is when what it needed to
 * come up, bootstrap data above all, must go. It survives broken watches, 410 and servers that are down.
 *
 * With a `state` that survives the process, a restart tells nobody twice, and tells the Machines that
 * vanished while nothing was running. A process that dies between telling and writing it down tells once
 * more, with `maybeRepeated`: what follows from it must be idempotent.
 *
 * @param options - See {@link WatchNodeRefOptions}.
 * @returns The watch; it does not keep the process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import type { StateStore } from "provider-guard";
 * import { type ObjectSource, watchNodeRef } from "provider-guard/cluster-api";
 * declare const machines: ObjectSource;
 * declare const state: StateStore;
 * declare const deleteBootstrapData: (uid: string) => Promise<void>;
 * const watch = watchNodeRef({ machines, state, onMachine: ({ machine }) => deleteBootstrapData(machine.uid) });
 */
export function watchNodeRef(options: WatchNodeRefOptions): ObjectWatch {
  const parsed = parseOptions(schema, options, "watchNodeRef");
  const { name, concurrency, random, minBackoffMs, maxBackoffMs, idleMs, pageSize, maxRestarts } = parsed;
  const { machines, onMachine, state, clock = systemClock } = options;
  const bounds = { minBackoffMs, maxBackoffMs };
  const closing = new AbortController();
  const { signal } = closing;
  const entries = new Map<string, Entry>();
  const tasks = new Set<Promise<void>>();
  const limited = slots(concurrency);
  let watch: ObjectWatch | undefined;
  let isSynced = false;

  function onError(error: unknown): void {
    if (!signal.aborted) options.onError?.(error);
  }

  const pauseMs = (failures: number, error: unknown) => backoffMs(failures, error, bounds, random);
  const store =
    state && toldMachines({ state, prefix: `cluster-api/node-ref/${name}/`, signal, clock, onError, pauseMs });

  function inBackground(task: Promise<void>): void {
    const ended: Promise<void> = task.catch(onError).finally(() => tasks.delete(ended));
    tasks.add(ended);
  }

  /** Writes down how it stands; what is told and gone is forgotten. */
  async function save(entry: Entry): Promise<void> {
    const told = entry.phase === "told";
    const over = told && entry.exists === false;
    if (over) entries.delete(entry.ref.uid);
    await store?.save(entry.ref.uid, over ? undefined : { machine: entry.ref, told });
  }

  async function settle(entry: Entry, settled: MachineSettled): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const told = await limited(async () => {
          if (signal.aborted) return false;
          await onMachine(settled, { signal });
          return true;
        });
        if (!told) return;
        entry.phase = "told";
        return await save(entry);
      } catch (error) {
        onError(error);
        await sleep(clock, pauseMs(++failures, error), signal).catch(() => {}); // the loop looks at the signal
      }
    }
  }

  function tell(entry: Entry, outcome: MachineOutcome): void {
    if (entry.phase !== "waiting") return;
    entry.phase = "telling";
    const maybeRepeated = entry.remembered || !isSynced;
    inBackground(settle(entry, Object.freeze({ ...outcome, machine: entry.ref, maybeRepeated })));
  }

  function deleted(entry: Entry): void {
    entry.exists = false;
    if (entry.phase === "told") inBackground(save(entry));
    else tell(entry, { outcome: "deleted", moved: entry.moved });
  }

  function add(ref: ObjectRef, phase: Entry["phase"], remembered: boolean): Entry {
    const entry: Entry = { ref, phase, remembered, exists: undefined, moved: false };
    entries.set(ref.uid, entry);
    return entry;
  }

  function seen(entry: Entry, machine: MachineObject, isNew: boolean): void {
    entry.exists = true;
    const outcome = machineOutcome(machine);
    if (outcome !== undefined) tell(entry, outcome);
    else if (isNew && store !== undefined) inBackground(save(entry));
  }

  function onChange(change: ObjectChange<MachineObject>): void {
    const known = entries.get(change.ref.uid);
    const entry = known ?? add(change.ref, "waiting", false);
    if (change.object !== undefined) entry.moved = isBeingMoved(change.object);
    if (change.type === "deleted") deleted(entry);
    else seen(entry, change.object, known === undefined);
  }

  async function load(): Promise<void> {
    for (let failures = 0; store !== undefined; ) {
      try {
        for (const { machine, told } of await store.load()) add(machine, told ? "told" : "waiting", true);
        return;
      } catch (error) {
        signal.throwIfAborted();
        onError(error);
        await sleep(clock, pauseMs(++failures, error), signal);
      }
    }
  }

  async function start(): Promise<void> {
    await load();
    signal.throwIfAborted();
    const tuning = { idleMs, pageSize, maxRestarts, ...bounds, random, clock };
    watch = watchObjects({ source: machines, onChange, onError, ...tuning });
    await watch.synced({ signal });
    isSynced = true;
    for (const entry of [...entries.values()]) if (entry.exists === undefined) deleted(entry);
  }

  const listenNoMore = onAbort(options.signal, () => void close(options.signal?.reason));
  const synced = abortable(Promise.resolve().then(start), signal);
  synced.catch(() => {}); // whoever asks is told

  async function close(reason: unknown = new Error("the watch is closed")): Promise<void> {
    listenNoMore();
    closing.abort(reason);
    await watch?.close();
    while (tasks.size > 0) await Promise.all(tasks);
  }
  if (options.signal?.aborted) void close(options.signal.reason);

  return {
    get size() {
      return entries.size;
    },
    synced: ({ signal: waiting } = {}) => abortable(synced, waiting),
    close: () => close(),
  };
}
