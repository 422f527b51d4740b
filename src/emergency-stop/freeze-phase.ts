import { type Call, isMutating } from "../core/call.ts";
import { GuardError } from "../core/errors.ts";
import type { PhaseInterceptor } from "../core/interceptor.ts";
import type { Journal } from "../core/journal.ts";
import { refuse, refuseAtWire } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import type { LedgerChange } from "../core/shared-ledger.ts";
import type { StateStore } from "../core/state-store.ts";
import { covers, scopeOf, scopeText } from "./scope.ts";
import { type Freeze, type FreezeOptions, stopsIn, type ThawOptions } from "./stops.ts";

/** The emergency stop of one guard. */
export interface FreezeSwitch {
  readonly phase: PhaseInterceptor;
  /** What is in force. */
  readonly frozen: readonly Freeze[];
  freeze(options: FreezeOptions): Promise<void>;
  thaw(options: ThawOptions): Promise<boolean>;
}

const name = "freeze";

/**
 * Makes the emergency stop of a guard, with what the state store holds in force. A stop is obeyed
 * twice: by calls that enter, and once more by requests that are about to leave, since they may
 * have waited for minutes. Where the store cannot be reached, what was known last stays in force.
 *
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: nobody knows whether a stop is in force.
 */
export async function freezeSwitch(
  state: StateStore,
  runtime: Runtime,
  journal: Journal | undefined,
): Promise<FreezeSwitch> {
  const { clock, random, telemetry } = runtime;
  let inForce: readonly Freeze[] = [];

  function notice({ entry, before, here }: LedgerChange): void {
    const { ended } = entry;
    if (ended !== undefined && (before === undefined || before.ended !== undefined)) return; // never in force here
    const { by, reason } = ended ?? entry;
    const said = reason === undefined ? { by } : { by, reason };
    const details = { scope: scopeText(scopeOf(entry.key)), ...said, here };
    journal?.enqueue({ type: "notice", at: clock.now(), event: ended === undefined ? "freeze" : "thaw", details });
  }

  const stops = stopsIn({ state, clock, random }, (change) => {
    inForce = stops.inForce();
    notice(change);
  });
  try {
    await stops.ledger.refresh();
  } catch (error) {
    stops.ledger.close();
    throw error;
  }
  telemetry.gauge("freeze.active", "Emergency stops in force", (observe) => observe(inForce.length, {}));
  telemetry.gauge("freeze.stale", "Seconds since the state store was last asked for emergency stops", (observe) =>
    observe(stops.ledger.staleMs / 1000, {}),
  );

  function stopFor(call: Call): Freeze | undefined {
    if (inForce.length === 0 || !isMutating(call) || call.revokes) return undefined;
    return inForce.find(({ scope }) => covers(scope, call));
  }

  function frozenError(call: Call, { scope, reason, by }: Freeze): GuardError {
    const message = `${call.operation}: refused, mutating calls are frozen (${scopeText(scope)}) by ${by}: ${reason}. guard.thaw ends it`;
    return new GuardError("ERR_FREEZE_ACTIVE", message, { retryable: true, requeueAfterMs: 60_000 });
  }

  return {
    get frozen() {
      return stops.inForce();
    },
    freeze: stops.freeze,
    thaw: stops.thaw,
    phase: {
      name,
      ring: "operation",
      phase: "freeze",
      intercept(call, next) {
        const stop = stopFor(call);
        return stop === undefined ? next() : Promise.reject(refuse(call, "freeze", name, frozenError(call, stop)));
      },
      beforeSend({ call }) {
        const stop = stopFor(call);
        if (stop !== undefined) refuseAtWire(runtime, call, "freeze", name, frozenError(call, stop));
      },
      explain(call) {
        const stop = stopFor(call);
        if (stop !== undefined)
          return { verdict: "refuse", reason: `frozen (${scopeText(stop.scope)}): ${stop.reason}` };
        return { verdict: "pass", reason: inForce.length === 0 ? "not frozen" : "no stop in force covers it" };
      },
      close: stops.ledger.close,
    },
  };
}
