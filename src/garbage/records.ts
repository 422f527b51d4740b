import { GuardError } from "../core/errors.ts";
import type { StateStore } from "../core/state-store.ts";
import type { Mark } from "./marks.ts";

/** How many resources of each standing a pass has seen. */
export type Tally = Record<"seen" | "linked" | "unlinked" | "unknown" | "foreign" | "protected" | "young", number>;

export const emptyTally = (): Tally => ({
  seen: 0,
  linked: 0,
  unlinked: 0,
  unknown: 0,
  foreign: 0,
  protected: 0,
  young: 0,
});

/** The last complete pass over one type. */
export interface CompletePass {
  readonly pass: number;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** The same moment on the monotonic clock of the process that made the pass. */
  readonly endedAtMonotonic: number;
  readonly process: string;
  readonly tally: Tally;
}

/** How far a pass under way has come. */
export interface Checkpoint {
  readonly pass: number;
  readonly startedAt: number;
  /** Unix milliseconds at which it was written. */
  readonly at: number;
  readonly next: string;
  readonly tally: Tally;
}

/** What is remembered of one type in one scope. */
export interface TypeRecord {
  /** Passes begun. */
  readonly passes: number;
  readonly complete?: CompletePass;
  readonly checkpoint?: Checkpoint;
  /** Why the last pass is not complete. */
  readonly failed?: { readonly at: number; readonly code: string };
}

/** What was deleted of one type in one scope, and whether that was too much. */
export interface BreakerRecord {
  /** Deletions by hour: Unix hours, and how many. */
  readonly hours: readonly (readonly [hour: number, count: number])[];
  readonly latched?: { readonly at: number; readonly reason: string; readonly wanted: number };
  /** A person has accepted so many within the window. */
  readonly allowed?: { readonly count: number; readonly by: string; readonly at: number };
}

/** Where something is. */
export interface Place {
  readonly scope: string;
  readonly type: string;
}

type Signal = { readonly signal?: AbortSignal };

/** What the collector remembers. Rejects as the state store does. */
export interface Records {
  type(place: Place, options?: Signal): Promise<TypeRecord>;
  saveType(place: Place, record: TypeRecord, options?: Signal): Promise<void>;
  breaker(place: Place, options?: Signal): Promise<BreakerRecord>;
  /** Changes a breaker, again where somebody else changed it meanwhile. */
  changeBreaker(place: Place, change: (record: BreakerRecord) => BreakerRecord, options?: Signal): Promise<void>;
  mark(place: Place, id: string, options?: Signal): Promise<Mark | undefined>;
  saveMark(place: Place, id: string, mark: Mark, options?: Signal): Promise<void>;
  removeMark(place: Place, id: string, options?: Signal): Promise<boolean>;
  marks(place: Place, options?: Signal): AsyncIterable<readonly [id: string, mark: Mark]>;
}

function parsed<T>(key: string, value: string): T {
  try {
    return JSON.parse(value) as T;
  } catch (cause) {
    const message = `garbage: the state store holds something else at ${key}; delete it to begin anew`;
    throw new GuardError("ERR_STATE_UNAVAILABLE", message, { cause });
  }
}

/** Keeps records below a prefix of a state store. */
export function records(state: StateStore, name: string): Records {
  const prefix = `garbage/${name}`;
  const at = (kind: string, { scope, type }: Place) => `${prefix}/${kind}/${scope}|${type}`;
  async function read<T>(key: string, otherwise: T, options?: Signal): Promise<T> {
    const entry = await state.get(key, options);
    return entry === undefined ? otherwise : parsed<T>(key, entry.value);
  }
  const markKey = (place: Place, id: string) => `${at("mark", place)}|${id}`;
  return {
    type: (place, options) => read(at("type", place), { passes: 0 }, options),
    saveType: (place, record, options) => state.put(at("type", place), JSON.stringify(record), options),
    breaker: (place, options) => read(at("breaker", place), { hours: [] }, options),
    async changeBreaker(place, change, options) {
      const key = at("breaker", place);
      for (;;) {
        const entry = await state.get(key, options);
        const record = entry === undefined ? { hours: [] } : parsed<BreakerRecord>(key, entry.value);
        if (await state.compareAndSet(key, entry?.version, JSON.stringify(change(record)), options)) return;
      }
    },
    mark: (place, id, options) => read<Mark | undefined>(markKey(place, id), undefined, options),
    saveMark: (place, id, mark, options) => state.put(markKey(place, id), JSON.stringify(mark), options),
    removeMark: (place, id, options) => state.delete(markKey(place, id), options),
    async *marks(place, options) {
      const below = `${at("mark", place)}|`;
      for await (const [key, { value }] of state.scan(below, options)) {
        yield [key.slice(below.length), parsed<Mark>(key, value)];
      }
    },
  };
}
