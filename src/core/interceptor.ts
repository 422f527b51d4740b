import type { Binding } from "./adapter.ts";
import type { Attempt, Call } from "./call.ts";
import type { AttemptPhase, OperationPhase, Phase } from "./phases.ts";

/** Where an interceptor of one's own stands: just outside or just inside a phase. */
export type Placement<P extends Phase> =
  | { readonly before: P; readonly after?: never }
  | { readonly after: P; readonly before?: never };

/** What an interceptor would do with a call; see `guard.explain`. */
export interface Explanation {
  readonly verdict: "pass" | "refuse" | "wait" | "change" | "off";
  /** For people: why, with the rule or key that decides. */
  readonly reason: string;
}

interface Named {
  /** Unique within the guard; shown by `explain` and in decisions. */
  readonly name: string;
  /** Says what would happen to this call, without doing it. Must not have effects. */
  explain?(call: Call): Explanation | undefined;
  /**
   * A request is about to leave, perhaps long after it passed this interceptor. Throws to refuse it after
   * all; what it cost is given back. A built-in heeds its mode itself: see `refuseAtWire`.
   */
  beforeSend?(attempt: Attempt): void;
}

/** Stands around a whole logical operation, once, whatever the SDK's own retries do inside. */
export interface OperationInterceptor extends Named {
  readonly ring: "operation";
  intercept(call: Call, next: () => Promise<unknown>): Promise<unknown>;
}

/** Stands around each single request on the wire, before it is signed. */
export interface AttemptInterceptor extends Named {
  readonly ring: "attempt";
  intercept(attempt: Attempt, next: () => Promise<unknown>): Promise<unknown>;
}

/** A built-in: it fills a phase, and the guard ends it with itself. */
export type PhaseInterceptor = (
  | (OperationInterceptor & { readonly phase: OperationPhase })
  | (AttemptInterceptor & { readonly phase: AttemptPhase })
) & {
  /** A client is about to be wrapped: its calls will come. Throws to refuse it. */
  wrapping?(binding: Binding): void;
  /** Lets go of timers and files. */
  close?(): void | Promise<void>;
};

/**
 * An interceptor of your own, placed next to a phase of its ring.
 *
 * @example
 * import type { Interceptor } from "provider-guard";
 * const log: Interceptor = {
 *   name: "log-slow",
 *   ring: "attempt",
 *   before: "limit",
 *   async intercept(attempt, next) {
 *     const answer = await next();
 *     if (attempt.waitedMs > 1000) console.warn("waited for the rate limit", attempt.call.operation);
 *     return answer;
 *   },
 * };
 */
export type Interceptor =
  | (OperationInterceptor & Placement<OperationPhase>)
  | (AttemptInterceptor & Placement<AttemptPhase>);
