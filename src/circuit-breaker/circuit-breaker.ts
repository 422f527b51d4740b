import { LRUCache } from "lru-cache";
import type { Answer, Attempt, Call, Target } from "../core/call.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { AttemptInterceptor, Explanation } from "../core/interceptor.ts";
import { refuse } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import { Circuit, type CircuitContext, type CircuitState, type Observation, type Trial } from "./circuit.ts";
import { windowSlices } from "./opossum-window.ts";
import { breakerSchema, type CircuitBreakerOptions } from "./options.ts";
import { rotation } from "./rotation.ts";

const name = "circuit-breaker";
const levels: Readonly<Record<CircuitState, number>> = { closed: 0, halfOpen: 1, open: 2 };

/** The interceptor of the `break` phase, with what an operator can do to its circuits. */
export interface CircuitBreaker extends AttemptInterceptor {
  readonly phase: "break";
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
  /** The circuits that are known, by key. A key that is not among them is closed. */
  states(): ReadonlyMap<string, CircuitState>;
}

/**
 * Names the circuit that calls to a target go through.
 *
 * @param target - Where a call goes to.
 * @returns Cloud, account, region and service, separated by `|`.
 */
export function circuitKey({ cloud, account, region, service }: Target): string {
  return `${cloud}|${account}|${region}|${service}`;
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
export function circuitBreaker(options: CircuitBreakerOptions, runtime: Runtime): CircuitBreaker {
  const settings = parseOptions(breakerSchema, options, "circuitBreaker");
  const context: CircuitContext = {
    settings,
    runtime,
    rotation: rotation(runtime.clock, settings.windowMs / windowSlices),
  };
  const circuits = new LRUCache<string, Circuit>({
    max: settings.maxKeys,
    dispose: (circuit) => circuit.dispose(),
  });
  const held = new Set<string>(); // what was opened by hand outlives the LRU
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
    let circuit = circuits.get(key);
    if (circuit === undefined) {
      circuit = new Circuit(key, context);
      if (held.has(key)) circuit.hold();
      circuits.set(key, circuit);
    }
    return circuit;
  }

  function run(circuit: Circuit, trial: Trial | undefined, attempt: Attempt, next: () => Promise<unknown>) {
    const { epoch } = circuit;
    const settled = () => {
      const { answer } = attempt;
      circuit.settle(observationOf(answer), epoch, trial, answer?.retryAfterMs);
    };
    let result: Promise<unknown>;
    try {
      result = next();
    } catch (error) {
      result = Promise.reject(error); // an interceptor further in threw at once: a trial must not be lost
    }
    // Attached before the caller's own handler: the circuit has changed when the caller goes on.
    result.then(settled, settled);
    return result;
  }

  function openError(circuit: Circuit): GuardError {
    const requeueAfterMs = Math.max(1, Math.ceil(circuit.waitMs()));
    return new GuardError("ERR_CIRCUIT_OPEN", `circuit ${circuit.key} is ${circuit.state}: retry later`, {
      retryable: true,
      requeueAfterMs,
    });
  }

  runtime.telemetry.gauge("breaker.state", "Circuits: 0 closed, 1 half-open, 2 open", (observe) => {
    for (const [target, circuit] of circuits.entries()) observe(levels[circuit.state], { target });
  });

  return {
    name,
    ring: "attempt",
    phase: "break",
    intercept(attempt, next) {
      if (closed) return next();
      const circuit = circuitOf(keyOf(attempt.call.target));
      if (circuit.state === "closed") return run(circuit, undefined, attempt, next);
      const trial = circuit.startTrial();
      if (trial !== undefined) return run(circuit, trial, attempt, next);
      return Promise.reject(refuse(attempt.call, "break", name, openError(circuit)));
    },
    explain(call: Call): Explanation {
      const key = keyOf(call.target);
      const circuit = circuits.peek(key);
      const state = circuit?.state ?? (held.has(key) ? "open" : "closed");
      if (state === "closed") return { verdict: "pass", reason: `circuit ${key} is closed` };
      const waitMs = Math.ceil(circuit?.waitMs() ?? settings.maxOpenMs);
      if (waitMs === 0) return { verdict: "pass", reason: `circuit ${key} is ${state}: this call would be a trial` };
      return { verdict: "refuse", reason: `circuit ${key} is ${state}: retry in ${waitMs} ms` };
    },
    open(key) {
      held.add(key);
      circuitOf(key).hold();
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
      held.delete(key);
      circuits.get(key)?.reset();
    },
    states() {
      const states = new Map<string, CircuitState>();
      for (const key of held) states.set(key, "open");
      for (const [key, circuit] of circuits.entries()) states.set(key, circuit.state);
      return states;
    },
  };
}
