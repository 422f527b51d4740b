import { LRUCache } from "lru-cache";
import type { Answer, Attempt, Call } from "../core/call.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { AttemptInterceptor, Explanation } from "../core/interceptor.ts";
import { refuse, refuseAtWire } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import { onSettled } from "../core/settled.ts";
import type { Target } from "../core/target.ts";
import { Circuit, type CircuitContext, type CircuitNews, type CircuitState, type Observation } from "./circuit.ts";
import { circuitKey } from "./circuit-key.ts";
import { windowSlices } from "./opossum-window.ts";
import { type BreakerSettings, breakerSchema, type CircuitBreakerOptions } from "./options.ts";
import { rotation } from "./rotation.ts";

const name = "circuit-breaker";
const levels: Readonly<Record<CircuitState, number>> = { closed: 0, halfOpen: 1, open: 2 };

/** Through which state of which circuit an attempt left. */
interface Passage {
  readonly circuit: Circuit;
  readonly epoch: number;
}

/** The interceptor of the `break` phase, with what an operator can do to its circuits. */
export interface CircuitBreaker extends AttemptInterceptor {
  readonly phase: "break";
  readonly settings: BreakerSettings;
  beforeSend(attempt: Attempt): void;
  /**
   * Opens one circuit by hand: nothing gets through, not even a trial, until `close(key)`.
   * @param key - See {@link circuitKey}.
   */
  open(key: string): void;
  /**
   * Closes one circuit and forgets its failures.
   * @param key - See {@link circuitKey}.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`: the key is not a string.
   */
  close(key: string): void;
  /** Lets go of every circuit and of the timer; from then on calls pass unobserved. */
  close(): void;
  /**
   * Takes in what a circuit of another replica has found out.
   * @param ageMs - How long ago, in milliseconds.
   */
  heed(news: CircuitNews, ageMs: number): void;
  /** The circuits that are known, those opened by hand among them. One that is not known is closed. */
  circuits(): Iterable<Circuit>;
}

// A failure is a service that is down or cannot be reached, which adapters call an outage. Throttling, refusals of the request
// itself, aborts and our own refusals (which leave no answer) say nothing about that.
function observationOf(answer: Answer | undefined): Observation {
  switch (answer?.class) {
    case "ok":
      return "success";
    case "outage":
      return "failure";
    default:
      return "nothing";
  }
}

/**
 * Stops calling an account's service in a region while it is down, and finds out with few
 * requests when it is back. Opens on outages and lost connections only: throttling, 4xx, aborts
 * and the guard's own refusals neither open a circuit nor close one. A request that was let
 * through is never cut short, so a caller always learns its real end.
 *
 * @param options - See {@link CircuitBreakerOptions}.
 * @param runtime - Clock, randomness and telemetry of the guard.
 * @param announce - Is told what circuits find out by requests of their own.
 * @returns An interceptor for the `break` phase of the attempt ring.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: an option is unknown or out of its range.
 * @throws {@link GuardError} `ERR_CIRCUIT_OPEN` (per attempt, retryable, with the time until the next trial).
 * @example
 * import { createGuard } from "provider-guard";
 * const guard = await createGuard({
 *   owner: { managementCluster: "6f9c0d3e-kube-system", provider: "infrastructure-acme" },
 *   audit: false,
 *   circuitBreaker: { openMs: 10_000, trials: 2 },
 * });
 * @see Michael T. Nygard, "Release It!", 2nd edition, section "Circuit Breaker"
 */
export function circuitBreaker(
  options: CircuitBreakerOptions,
  runtime: Runtime,
  announce: (news: CircuitNews) => void = () => {},
): CircuitBreaker {
  const settings = parseOptions(breakerSchema, options, "circuitBreaker");
  const context: CircuitContext = {
    settings,
    runtime,
    rotation: rotation(runtime.clock, settings.windowMs / windowSlices),
    unwell: new Set(),
    announce,
  };
  const circuits = new LRUCache<string, Circuit>({
    max: settings.maxKeys,
    dispose: (circuit, key) => {
      if (held.get(key) !== circuit) circuit.dispose();
    },
  });
  const held = new Map<string, Circuit>(); // what was opened by hand outlives the LRU
  const sentIn = new WeakMap<Attempt, Passage>(); // of attempts that had waited
  const keys = new WeakMap<Target, string>(); // a target is one object for all calls of an operation
  let closed = false;

  function keyOf(target: Target): string {
    let key = keys.get(target);
    if (key === undefined) {
      key = circuitKey(target);
      keys.set(target, key);
    }
    return key;
  }

  function circuitOf(key: string): Circuit {
    let circuit = circuits.get(key) ?? held.get(key);
    if (circuit === undefined) {
      circuit = new Circuit(key, context);
      circuits.set(key, circuit);
    }
    return circuit;
  }

  /** All that are known, without touching their order. */
  function* known(): Iterable<Circuit> {
    yield* circuits.values();
    for (const [key, circuit] of held) if (!circuits.has(key)) yield circuit;
  }

  function run(circuit: Circuit, attempt: Attempt, next: () => Promise<unknown>) {
    const { epoch } = circuit;
    return onSettled(next(), () => {
      const { answer, waitedMs } = attempt;
      const passage = (waitedMs > 0 ? sentIn.get(attempt) : undefined) ?? { circuit, epoch };
      passage.circuit.settle(observationOf(answer), passage.epoch, attempt, answer?.retryAfterMs);
    });
  }

  function openError(circuit: Circuit): GuardError {
    const requeueAfterMs = Math.max(1, Math.ceil(circuit.waitMs()));
    return new GuardError("ERR_CIRCUIT_OPEN", `circuit ${circuit.key} is ${circuit.state}: retry later`, {
      retryable: true,
      requeueAfterMs,
    });
  }

  runtime.telemetry.gauge("breaker.state", "Circuits: 0 closed, 1 half-open, 2 open", (observe) => {
    for (const { key, state } of known()) observe(levels[state], { target: key });
  });

  return {
    name,
    ring: "attempt",
    phase: "break",
    intercept(attempt, next) {
      if (closed) return next();
      const circuit = circuitOf(keyOf(attempt.call.target));
      if (circuit.state === "closed" || circuit.startTrial(attempt)) return run(circuit, attempt, next);
      return Promise.reject(refuse(attempt.call, "break", name, openError(circuit)));
    },
    beforeSend(attempt) {
      const waited = attempt.waitedMs > 0;
      if (closed || (!waited && context.unwell.size === 0)) return;
      const circuit = circuitOf(keyOf(attempt.call.target));
      if (!circuit.stillAdmits(attempt)) refuseAtWire(runtime, attempt.call, "break", name, openError(circuit));
      else if (waited) sentIn.set(attempt, { circuit, epoch: circuit.epoch });
    },
    explain(call: Call): Explanation {
      const key = keyOf(call.target);
      const circuit = circuits.peek(key) ?? held.get(key);
      if (circuit === undefined || circuit.state === "closed") {
        return { verdict: "pass", reason: `circuit ${key} is closed` };
      }
      const { state } = circuit;
      const waitMs = Math.ceil(circuit.waitMs());
      if (waitMs === 0) return { verdict: "pass", reason: `circuit ${key} is ${state}: this call would be a trial` };
      return { verdict: "refuse", reason: `circuit ${key} is ${state}: retry in ${waitMs} ms` };
    },
    open(key) {
      const circuit = circuitOf(key);
      held.set(key, circuit);
      circuit.hold();
    },
    close(...keyed: [] | [string]) {
      if (keyed.length === 0) {
        closed = true;
        circuits.clear();
        context.rotation.close();
        return;
      }
      // `close(undefined)` must not take the whole breaker down.
      const [key] = keyed;
      if (typeof key !== "string") throw new GuardError("ERR_CONFIG_INVALID", "circuitBreaker.close: expected a key");
      (circuits.peek(key) ?? held.get(key))?.reset();
      held.delete(key);
    },
    settings,
    heed({ key, state, pauseMs, restMs }, ageMs) {
      if (closed) return;
      if (state === "closed") circuits.peek(key)?.heedClosed(ageMs);
      else circuitOf(key).heedOpen(pauseMs, restMs, ageMs);
    },
    circuits: known,
  };
}
