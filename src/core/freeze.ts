import { isMutating } from "./call.ts";
import { GuardError } from "./errors.ts";
import type { PhaseInterceptor } from "./interceptor.ts";
import { refuse } from "./refusal.ts";
import type { StateStore } from "./state-store.ts";

/** Why and since when mutating calls are refused. */
export interface Freeze {
  readonly reason: string;
  /** Unix milliseconds. */
  readonly since: number;
}

/** The emergency stop of one guard. */
export interface FreezeSwitch {
  readonly phase: PhaseInterceptor;
  readonly current: Freeze | undefined;
  set(freeze: Freeze | undefined): Promise<void>;
}

const key = "freeze/all";

async function reach<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const message = "freeze: the state store cannot be reached, so the emergency stop is not kept there";
    throw new GuardError("ERR_STATE_UNAVAILABLE", message, { cause, retryable: true, requeueAfterMs: 10_000 });
  }
}

/** What was kept; if nobody can read it, somebody still meant to stop everything. */
function parse(kept: string): Freeze {
  try {
    const { reason, since } = JSON.parse(kept) as Partial<Freeze>;
    if (typeof reason === "string" && typeof since === "number") return { reason, since };
  } catch {
    // not JSON
  }
  return { reason: "the stop that was kept in the state store cannot be read", since: 0 };
}

/**
 * Makes the emergency stop: set at once in this process, then kept in the state store, so that
 * a store that survives a restart keeps the stop too.
 *
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`, also from `set`, when the store cannot be reached.
 */
export async function freezeSwitch(state: StateStore): Promise<FreezeSwitch> {
  const kept = await reach(() => state.get(key));
  let current = kept && parse(kept.value);
  return {
    get current() {
      return current;
    },
    async set(freeze) {
      current = freeze;
      await reach<unknown>(() => (freeze === undefined ? state.delete(key) : state.put(key, JSON.stringify(freeze))));
    },
    phase: {
      name: "freeze",
      ring: "operation",
      phase: "freeze",
      intercept(call, next) {
        if (current === undefined || !isMutating(call)) return next();
        const message = `${call.operation}: refused, mutating calls are frozen: ${current.reason}. guard.thaw() ends it`;
        return Promise.reject(
          refuse(
            call,
            "freeze",
            "freeze",
            new GuardError("ERR_FREEZE_ACTIVE", message, { retryable: true, requeueAfterMs: 60_000 }),
          ),
        );
      },
      explain: (call) =>
        current !== undefined && isMutating(call)
          ? { verdict: "refuse", reason: `frozen: ${current.reason}` }
          : { verdict: "pass", reason: current === undefined ? "not frozen" : "reads go on" },
    },
  };
}
