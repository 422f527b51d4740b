import { type Clock, type Random, systemClock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import { systemRandom } from "../core/id.ts";
import type { StateStore } from "../core/state-store.ts";
import { type Freeze, type FreezeOptions, stopsIn, type ThawOptions } from "./stops.ts";

/** The emergency stop as an operator's script holds it. */
export interface EmergencyStop {
  /**
   * Stops mutating calls in every replica on the store, within a second.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`: set it again.
   */
  freeze(options: FreezeOptions): Promise<void>;
  /**
   * Ends the stop of one scope.
   * @returns Whether there was one.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`: it goes on.
   */
  thaw(options: ThawOptions): Promise<boolean>;
  /**
   * Reads which stops are in force.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: nobody knows.
   */
  frozen(options?: { readonly signal?: AbortSignal }): Promise<readonly Freeze[]>;
}

/** Options of {@link emergencyStop}. */
export interface EmergencyStopOptions {
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue cryptographically strong randomness */
  readonly random?: Random;
}

/**
 * Sets and ends the emergency stop from outside of any controller, knowing only its state store.
 * It writes no audit record: each guard that obeys does. The store stays open; close it yourself.
 *
 * @param state - The store that the guards have as `createGuard({ state })`.
 * @param options - See {@link EmergencyStopOptions}.
 * @returns Freeze, thaw and a look at what is in force.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: nobody else can read a store that lives in this process.
 * @example
 * import { emergencyStop, type StateStore } from "provider-guard";
 * async function stop(state: StateStore) {
 *   await emergencyStop(state).freeze({ reason: "incident 42: machines disappear", by: "alice" });
 * }
 */
export function emergencyStop(state: StateStore, options: EmergencyStopOptions = {}): EmergencyStop {
  if (typeof state?.compareAndSet !== "function" || state.scope === "process") {
    const message = "emergencyStop: state: expected a store that the guards share; memoryState() ends with its process";
    throw new GuardError("ERR_CONFIG_INVALID", message);
  }
  const { clock = systemClock, random = systemRandom } = options;

  /** Every command reads the store anew. */
  const read = () => stopsIn({ state, clock, random, watch: false });

  return {
    freeze: (freeze) => read().freeze(freeze),
    thaw: (thaw) => read().thaw(thaw),
    async frozen({ signal } = {}) {
      const stops = read();
      await stops.ledger.refresh(signal);
      return stops.inForce();
    },
  };
}
