import * as z from "zod";
import { type Clock, sleep } from "../core/clock.ts";
import type { ObjectRef } from "../core/owner.ts";
import type { StateStore } from "../core/state-store.ts";
import { slots } from "./slots.ts";

/** What is remembered of a Machine. */
export interface Remembered {
  readonly machine: ObjectRef;
  readonly told: boolean;
}

const documentSchema = z.object({
  machine: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  told: z.boolean(),
});

/** Where it is kept over restarts which Machines were seen, and which of them were told. */
export interface ToldMachines {
  /** What earlier processes left. @throws What the store failed with. */
  load(): Promise<Remembered[]>;
  /** Writes, and tries again until it is written or the signal aborts; of several writes the last one counts. */
  save(uid: string, remembered: Remembered | undefined): Promise<void>;
}

/** Options of {@link toldMachines}. */
export interface ToldMachinesOptions {
  readonly state: StateStore;
  /** Before the UID in each key. */
  readonly prefix: string;
  /** Ends the tries: then each write is tried once. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly pauseMs: (failures: number, error: unknown) => number;
}

const maxWrites = 8;

/** Remembers Machines in a state store, one key each. */
export function toldMachines(options: ToldMachinesOptions): ToldMachines {
  const { state, prefix, signal, clock, onError, pauseMs } = options;
  const limited = slots(maxWrites);
  const wanted = new Map<string, { value: Remembered | undefined; readonly written: Promise<void> }>();

  async function writeOnce(uid: string, value: Remembered | undefined): Promise<void> {
    if (value === undefined) await state.delete(prefix + uid);
    else await state.put(prefix + uid, JSON.stringify(value));
  }

  async function write(uid: string): Promise<void> {
    for (let failures = 0; ; ) {
      const entry = wanted.get(uid);
      const value = entry?.value;
      try {
        await limited(() => writeOnce(uid, value));
        failures = 0;
        if (entry?.value === value) break;
      } catch (error) {
        onError(error);
        if (signal.aborted) break;
        await sleep(clock, pauseMs(++failures, error), signal).catch(() => {}); // then once more
      }
    }
    wanted.delete(uid);
  }

  return {
    async load() {
      const found: Remembered[] = [];
      for await (const [, { value }] of state.scan(prefix, { signal })) {
        try {
          found.push(documentSchema.parse(JSON.parse(value)));
        } catch (error) {
          onError(error); // what cannot be read was not told
        }
      }
      return found;
    },
    save(uid, value) {
      const entry = wanted.get(uid);
      if (entry !== undefined) {
        entry.value = value;
        return entry.written;
      }
      const written = Promise.resolve().then(() => write(uid));
      wanted.set(uid, { value, written });
      return written;
    },
  };
}
