import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { PhaseInterceptor } from "../core/interceptor.ts";
import type { Journal } from "../core/journal.ts";
import { memoryState } from "../core/memory-state.ts";
import type { Runtime } from "../core/runtime.ts";
import { type LedgerChange, saying, sharedLedger } from "../core/shared-ledger.ts";
import type { StateStore } from "../core/state-store.ts";
import type { Target } from "../core/target.ts";
import type { Circuit, CircuitState, OpenedBy } from "./circuit.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import { parseCircuit } from "./circuit-key.ts";
import { hints } from "./hints.ts";
import type { CircuitBreakerOptions } from "./options.ts";

/** One circuit as it is now. */
export interface CircuitView {
  /** Cloud, account, region and service, separated by `|`. */
  readonly key: string;
  /** `closed` lets calls through, `open` none, `halfOpen` a bounded number of trials. */
  readonly state: CircuitState;
  /** Since when, in Unix milliseconds. */
  readonly since: number;
  /** What opened it: requests that failed here, a person, or a hint of another replica. */
  readonly openedBy?: OpenedBy;
  /** Milliseconds until a call may get through; not said of a circuit that is closed, or was opened by hand. */
  readonly pauseMs?: number;
  /** Who opened it by hand. */
  readonly by?: string;
  /** Why it was opened by hand. */
  readonly reason?: string;
}

/** What is said when a circuit is opened by hand. */
export interface OpenCircuitOptions {
  /** For the people who will find it open. */
  readonly reason: string;
  readonly by: string;
  readonly signal?: AbortSignal;
}

/** What is said when a circuit is closed by hand. */
export interface CloseCircuitOptions {
  readonly by: string;
  readonly reason?: string;
  readonly signal?: AbortSignal;
}

/** The circuits of one guard. */
export interface Circuits {
  /** `undefined` where the breaker is turned off. */
  readonly phase: PhaseInterceptor | undefined;
  circuits(): readonly CircuitView[];
  openCircuit(circuit: string | Target, options: OpenCircuitOptions): Promise<void>;
  closeCircuit(circuit: string | Target, options: CloseCircuitOptions): Promise<void>;
}

const openSchema = z.strictObject(saying);
const closeSchema = z.strictObject({ ...saying, reason: saying.reason.optional() });

const off: Circuits = {
  phase: undefined,
  circuits: () => [],
  openCircuit: () => Promise.reject(new GuardError("ERR_CONFIG_INVALID", "openCircuit: circuitBreaker is off")),
  closeCircuit: () => Promise.reject(new GuardError("ERR_CONFIG_INVALID", "closeCircuit: circuitBreaker is off")),
};

/**
 * Makes the circuits of a guard, with those open that were opened by hand before. What people say
 * is kept in the state store and obeyed by all replicas; what circuits find out is a hint to the others.
 *
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the option; `ERR_STATE_UNAVAILABLE`.
 */
export async function sharedCircuits(
  options: CircuitBreakerOptions | false,
  state: StateStore,
  runtime: Runtime,
  journal: Journal | undefined,
): Promise<Circuits> {
  if (options === false) return off;
  const { clock, random, telemetry } = runtime;
  const breaker = circuitBreaker(options, runtime, (news) => told?.announce(news));
  const place = breaker.settings.share ? state : memoryState({ clock });
  const told = place.scope === "process" ? undefined : hints(runtime, breaker.heed);

  function changed({ entry, here }: LedgerChange): void {
    const { key, ended } = entry;
    if (ended === undefined) breaker.open(key);
    else breaker.close(key);
    const { by, reason } = ended ?? entry;
    const details = { circuit: key, ...(reason === undefined ? { by } : { by, reason }), here };
    const event = ended === undefined ? "circuit-open" : "circuit-close";
    journal?.enqueue({ type: "notice", at: clock.now(), event, details });
  }

  const extra = told === undefined ? {} : { extra: told };
  const ledger = sharedLedger({ state: place, key: "circuits", clock, random, changed, ...extra });

  function close(): void {
    ledger.close();
    breaker.close();
  }

  try {
    await ledger.refresh();
  } catch (error) {
    close();
    throw error;
  }
  telemetry.gauge("breaker.stale", "Seconds since the state store was last asked for circuits", (observe) =>
    observe(ledger.staleMs / 1000, {}),
  );

  function view(circuit: Circuit): CircuitView {
    const { key, state, since, openedBy } = circuit;
    if (openedBy === undefined) return { key, state, since };
    const hand = ledger.standing.get(key);
    if (hand === undefined) return { key, state, since, openedBy, pauseMs: Math.ceil(circuit.waitMs()) };
    return { key, state, since: hand.at, openedBy, by: hand.by, reason: hand.reason };
  }

  return {
    phase: { ...breaker, close },
    circuits: () => Array.from(breaker.circuits(), view),
    async openCircuit(circuit, options) {
      const key = parseCircuit(circuit, "openCircuit.circuit");
      const { by, reason, signal } = parseOptions(openSchema, options, "openCircuit");
      await ledger.set({ key, by, reason }, signal);
    },
    async closeCircuit(circuit, options) {
      const key = parseCircuit(circuit, "closeCircuit.circuit");
      const { by, reason, signal } = parseOptions(closeSchema, options, "closeCircuit");
      await ledger.end(key, by, { reason, signal, always: true });
    },
  };
}
