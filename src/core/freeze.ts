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

/**
 * Makes the emergency stop: set at once in this process, then kept in the state store, so that
 * a store that survives a restart keeps the stop too.
 */
export async function freezeSwitch(state: StateStore): Promise<FreezeSwitch> {
  const kept = await state.get(key);
  let current: Freeze | undefined = kept === undefined ? undefined : (JSON.parse(kept.value) as Freeze);
  return {
    get current() {
      return current;
    },
    async set(freeze) {
      current = freeze;
      if (freeze === undefined) await state.delete(key);
      else await state.put(key, JSON.stringify(freeze));
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
