import type { Attempt, Call } from "./call.ts";
import { GuardError, isGuardError } from "./errors.ts";
import type { AttemptInterceptor, Interceptor, OperationInterceptor, PhaseInterceptor } from "./interceptor.ts";
import { attemptPhases, type Mode, operationPhases, type Phase, type RefusingPhase, refusingPhases } from "./phases.ts";

/** One place in a ring, for `guard.explain`. */
export interface Stage<I> {
  readonly phase: Phase;
  /** `user` for an interceptor placed next to the phase. */
  readonly origin: "built-in" | "user";
  readonly interceptor: I;
}

/** Both rings in order, outermost first. */
export interface Rings {
  readonly operation: readonly Stage<OperationInterceptor>[];
  readonly attempt: readonly Stage<AttemptInterceptor>[];
}

function checkInterceptor(value: Interceptor, path: string, names: Set<string>): void {
  const fail = (what: string): never => {
    throw new GuardError("ERR_CONFIG_INVALID", `${path}${what}`);
  };
  if (typeof value !== "object" || value === null) fail(": expected an interceptor");
  if (typeof value.name !== "string" || value.name === "") fail(".name: expected a name");
  if (names.has(value.name)) fail(`.name: "${value.name}" is taken`);
  names.add(value.name);
  if (value.ring !== "operation" && value.ring !== "attempt") fail('.ring: expected "operation" or "attempt"');
  if (typeof value.intercept !== "function") fail(".intercept: expected a function");
  const places = [value.before, value.after].filter((place) => place !== undefined);
  if (places.length !== 1) fail(": say either before or after which phase");
  const phases: readonly string[] = value.ring === "operation" ? operationPhases : attemptPhases;
  if (!phases.includes(places[0] as string)) {
    fail(`.${value.before === undefined ? "after" : "before"}: the ${value.ring} ring has ${phases.join(", ")}`);
  }
}

/**
 * Puts built-ins and a user's interceptors in order: before a phase is just outside it, after is just inside.
 *
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the interceptor's path.
 */
export function arrange(parts: readonly PhaseInterceptor[], users: readonly Interceptor[]): Rings {
  const names = new Set(parts.map((part) => part.name));
  users.forEach((user, index) => {
    checkInterceptor(user, `interceptors[${index}]`, names);
  });

  function ring<I>(name: "operation" | "attempt", phases: readonly Phase[]): Stage<I>[] {
    const mine = users.filter((user) => user.ring === name);
    return phases.flatMap((phase) => {
      const stage = (origin: Stage<I>["origin"]) => (interceptor: unknown) =>
        ({ phase, origin, interceptor: interceptor as I }) satisfies Stage<I>;
      return [
        ...mine.filter((user) => user.before === phase).map(stage("user")),
        ...parts.filter((part) => part.ring === name && part.phase === phase).map(stage("built-in")),
        ...mine.filter((user) => user.after === phase).map(stage("user")),
      ];
    });
  }

  return { operation: ring("operation", operationPhases), attempt: ring("attempt", attemptPhases) };
}

type Handler<S> = (subject: S, next: () => Promise<unknown>) => Promise<unknown>;

/** Lets a call pass that the phase refuses, and notes what would have happened. */
function observing<S>(handler: Handler<S>, phase: Phase, callOf: (subject: S) => Call): Handler<S> {
  return async (subject, next) => {
    let passed = false;
    try {
      return await handler(subject, () => {
        passed = true;
        return next();
      });
    } catch (error) {
      if (passed || !isGuardError(error)) throw error;
      const { decisions } = callOf(subject);
      const index = decisions.findLastIndex((d) => d.phase === phase && d.verdict === "refuse");
      const refused = decisions[index];
      if (refused !== undefined) decisions[index] = { ...refused, verdict: "would-refuse" };
      return next();
    }
  };
}

function compose<S>(handlers: readonly Handler<S>[]): Handler<S> {
  const count = handlers.length;
  // A promise, whatever an interceptor that is no async function or a client's method returns or throws.
  function run(index: number, subject: S, last: () => Promise<unknown>): Promise<unknown> {
    try {
      if (index === count) return Promise.resolve(last());
      return Promise.resolve((handlers[index] as Handler<S>)(subject, () => run(index + 1, subject, last)));
    } catch (error) {
      return Promise.reject(error);
    }
  }
  return (subject, last) => run(0, subject, last);
}

/** Turns the stages of both rings into two functions. */
export function composeRings(
  rings: Rings,
  modeOf: (phase: RefusingPhase) => Mode,
): { operation: Handler<Call>; attempt: Handler<Attempt> } {
  const observed = (stage: Stage<unknown>) =>
    stage.origin === "built-in" &&
    (refusingPhases as readonly Phase[]).includes(stage.phase) &&
    modeOf(stage.phase as RefusingPhase) === "observe";

  function handlers<S>(stages: readonly Stage<{ intercept: Handler<S> }>[], callOf: (subject: S) => Call) {
    return stages.map((stage) => {
      const handler: Handler<S> = (subject, next) => stage.interceptor.intercept(subject, next);
      return observed(stage) ? observing(handler, stage.phase, callOf) : handler;
    });
  }

  return {
    operation: compose(handlers<Call>(rings.operation, (call) => call)),
    attempt: compose(handlers<Attempt>(rings.attempt, (attempt) => attempt.call)),
  };
}
