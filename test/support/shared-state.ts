import { memoryState, type StateStore } from "provider-guard";
import type { SimulatedClock } from "provider-guard/testing";

/** One replica's way to a store that all replicas share. */
export interface Line {
  readonly state: StateStore;
  /** `up` answers, `down` fails, `hangs` never answers nor writes, `loses` the answers to writes. */
  mode: "up" | "down" | "hangs" | "loses";
  /** Milliseconds before the store gets a request. */
  latencyMs: number;
  /** Requests so far. */
  readonly requests: { gets: number; writes: number };
}

/** A store that replicas share, and what can befall it. */
export interface SharedState {
  /** What it holds. */
  readonly inner: StateStore;
  line(): Line;
  /** Everything is gone, as after `FLUSHALL`. */
  flush(): Promise<void>;
  /** @returns A function that puts the store back into the state that it has now. */
  backup(): Promise<() => Promise<void>>;
}

const never = () => new Promise<never>(() => {});

export function sharedState(clock: SimulatedClock): SharedState {
  const inner = memoryState({ clock });

  function line(): Line {
    const requests = { gets: 0, writes: 0 };
    async function pass<T>(step: () => Promise<T>, writes: boolean): Promise<T> {
      if (made.latencyMs > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, made.latencyMs));
      if (made.mode === "down") throw new Error("connection refused");
      if (made.mode === "hangs") return never();
      const result = await step();
      return made.mode === "loses" && writes ? never() : result;
    }
    const state: StateStore = {
      ...inner,
      scope: "shared",
      get(...args) {
        requests.gets++;
        return pass(() => inner.get(...args), false);
      },
      compareAndSet(...args) {
        requests.writes++;
        return pass(() => inner.compareAndSet(...args), true);
      },
      close: async () => {},
    };
    const made: Line = { state, mode: "up", latencyMs: 0, requests };
    return made;
  }

  async function entries(): Promise<[string, string][]> {
    const found: [string, string][] = [];
    for await (const [key, { value }] of inner.scan("")) found.push([key, value]);
    return found;
  }

  async function flush(): Promise<void> {
    for (const [key] of await entries()) await inner.delete(key);
  }

  return {
    inner,
    line,
    flush,
    async backup() {
      const kept = await entries();
      return async () => {
        await flush();
        for (const [key, value] of kept) await inner.put(key, value);
      };
    },
  };
}
