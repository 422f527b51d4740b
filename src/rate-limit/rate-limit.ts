import type { Answer, Attempt, Call } from "../core/call.ts";
import { GuardError, isGuardError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import type { Explanation, PhaseInterceptor } from "../core/interceptor.ts";
import { bucketsOf } from "../core/limit-rule.ts";
import { refuse } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import { onSettled } from "../core/settled.ts";
import type { TokenLender } from "../core/token-lender.ts";
import { type Weight, weightOf } from "../core/weight.ts";
import { type Entrant, type Gate, guardClosed } from "./gate.ts";
import { Gates } from "./gates.ts";
import { checkRateLimitOptions, priorityOf, type RateLimitOptions, shareOf } from "./options.ts";
import { checkRules } from "./rules.ts";
import { type LimitView, limitViews } from "./view.ts";

const name = "rate-limit";
/** Answers of a cloud that had time for the request, whatever it thought of it. */
const accepted: ReadonlySet<string> = new Set<Answer["class"]>(["ok", "not-found", "conflict", "invalid"]);

/** The interceptor of the `limit` phase, with what there is to see of its buckets. */
export type RateLimit = PhaseInterceptor & {
  readonly ring: "attempt";
  limits(): LimitView[];
};

/**
 * Delays calls so that each operation class stays under its token-bucket rate, fairly between
 * clusters. A waiting call leaves the queue, and spends no token, when its signal aborts.
 *
 * @param lender - Lends the tokens where replicas share the limits. @defaultValue each process has its own buckets
 */
export function rateLimit(options: RateLimitOptions, runtime: Runtime, lender?: TokenLender): RateLimit {
  const settings = checkRateLimitOptions(options);
  const { rules, maxWaitingPerCluster, maxWaitMs } = settings;
  const { clock, telemetry } = runtime;
  const observing = runtime.modeOf("limit") === "observe";
  const gates = new Gates({ clock, rules, maxWaitingPerCluster, lender, borrower: newId(clock, runtime.random) });
  const constant = new WeakMap<Gate, readonly number[] | false>(); // weights that no input changes
  let closed = false;

  const limits = () => limitViews(gates, clock);
  function gauge(metric: string, description: string, read: (view: LimitView) => number): void {
    telemetry.gauge(`rate_limit.${metric}`, description, (observe) => {
      for (const view of limits()) observe(read(view), { bucket: view.bucket, ...view.labels });
    });
  }
  gauge("tokens", "Tokens at hand, by bucket", ({ tokens }) => tokens);
  gauge("rate", "Tokens per second at present, by bucket", ({ ratePerSecond }) => ratePerSecond);
  gauge("waiting", "Calls that wait, by bucket", ({ waiting }) => waiting);
  gauge("unreachable", "1 where the store that lends the tokens is out of reach", ({ source }) =>
    source === "unreachable" || source === "share" ? 1 : 0,
  );

  function weightsOf(gate: Gate, input: unknown): readonly number[] {
    const known = constant.get(gate);
    if (known) return known;
    const read = (weight: Weight | undefined) => weightOf(weight, input);
    const weights = bucketsOf(gate.rule).map(({ weight }) => read(weight));
    if (known === undefined) {
      const fixed = bucketsOf(gate.rule).every(({ weight }) => weight === undefined || typeof weight === "number");
      constant.set(gate, fixed && weights);
    }
    return weights;
  }

  /** @throws {@link GuardError} `ERR_RATE_LIMIT_TOO_LARGE`: no wait would help. */
  function checkSize(gate: Gate, call: Call, weights: readonly number[]): void {
    const index = gate.taps.findIndex(({ bucket }, at) => (weights[at] as number) > bucket.burst);
    const bucket = gate.taps[index]?.bucket;
    if (bucket === undefined) return;
    const message = `${call.operation}: takes ${weights[index]} tokens of the limit "${bucket.name}", which never holds more than ${bucket.burst}: split the call`;
    throw new GuardError("ERR_RATE_LIMIT_TOO_LARGE", message);
  }

  const entrant = (call: Call, weights: readonly number[]): Entrant => ({
    lane: call.owner.cluster?.uid ?? "",
    share: shareOf(call, settings),
    priority: priorityOf(call, settings),
    weights,
    operation: call.operation,
    signal: call.signal,
    deadlineAt: Math.min(clock.monotonic() + maxWaitMs, call.deadlineAt ?? Number.POSITIVE_INFINITY),
  });

  async function wait(gate: Gate, call: Call, weights: readonly number[]): Promise<number> {
    try {
      if (closed) throw guardClosed();
      checkSize(gate, call, weights);
      return await gate.enter(entrant(call, weights));
    } catch (error) {
      throw isGuardError(error) ? refuse(call, "limit", name, error as GuardError) : error;
    }
  }

  /** Learns from the answer. @param admittedAt - When its tokens were spent. */
  function learn(gate: Gate, weights: readonly number[], { sent, answer }: Attempt, admittedAt: number): void {
    if (!sent) {
      gate.giveBack(weights, admittedAt);
      return;
    }
    const now = clock.monotonic();
    if (answer?.class === "throttled") {
      for (const { bucket } of gate.taps) bucket.throttled(now, admittedAt, answer.retryAfterMs ?? 0);
    } else if (answer !== undefined && accepted.has(answer.class)) {
      for (const { bucket } of gate.taps) bucket.succeeded(now, admittedAt);
    }
    // What a cloud says is left are requests: the first bucket of a rule counts those.
    if (answer?.remaining !== undefined) gate.taps[0]?.bucket.remaining(answer.remaining, answer.resetMs, now);
  }

  function run(
    gate: Gate,
    weights: readonly number[],
    attempt: Attempt,
    next: () => Promise<unknown>,
    admittedAt: number,
  ): Promise<unknown> {
    // Whoever waits for the result finds the bucket adjusted.
    return onSettled(next(), () => learn(gate, weights, attempt, admittedAt));
  }

  async function waitAndRun(
    gate: Gate,
    weights: readonly number[],
    attempt: Attempt,
    next: () => Promise<unknown>,
  ): Promise<unknown> {
    const { call } = attempt;
    const from = clock.monotonic();
    const admittedAt = await wait(gate, call, weights);
    const ms = clock.monotonic() - from;
    attempt.waitedMs = ms;
    call.decisions.push({ phase: "limit", by: name, verdict: "wait", ms: Math.round(ms), note: gate.rule.name });
    telemetry.waited(call, gate.rule.name, ms);
    return run(gate, weights, attempt, next, admittedAt);
  }

  /** Lets a call pass that would have waited; it spends no token. */
  function pass(
    gate: Gate,
    weights: readonly number[],
    attempt: Attempt,
    next: () => Promise<unknown>,
    now: number,
  ): Promise<unknown> {
    const { call } = attempt;
    const ms = gate.expectedWaitMs(entrant(call, weights));
    call.decisions.push({ phase: "limit", by: name, verdict: "would-wait", ms, note: gate.rule.name });
    const result = next();
    const learned = () => {
      if (attempt.sent) learn(gate, weights, attempt, now);
    };
    result.then(learned, learned);
    return result;
  }

  function describe(gate: Gate, weights: readonly number[]): string {
    const now = clock.monotonic();
    const buckets = gate.taps.map(({ bucket, facts }, index) => {
      const { ratePerSecond, source } = bucket.state(now);
      const takes = weights[index] === 1 ? "" : `takes ${weights[index]} of `;
      const where = source === "local" ? "" : `, ${source}`;
      return `${takes}bucket ${bucket.key} (${facts.ratePerSecond}/s, burst ${facts.burst}, now ${ratePerSecond.toFixed(2)}/s${where})`;
    });
    return `rule "${gate.rule.name}": ${buckets.join(" and ")}, ${gate.waiting} waiting`;
  }

  return {
    name,
    ring: "attempt",
    phase: "limit",
    intercept(attempt, next) {
      const { call } = attempt;
      const gate = gates.of(call);
      const weights = weightsOf(gate, call.input);
      const now = clock.monotonic();
      if (gate.tryEnter(weights, now)) return run(gate, weights, attempt, next, now);
      return observing ? pass(gate, weights, attempt, next, now) : waitAndRun(gate, weights, attempt, next);
    },
    wrapping({ adapter }) {
      checkRules(adapter.limits ?? [], `${adapter.name}.limits`);
    },
    explain(call): Explanation {
      const gate = gates.of(call);
      const weights = weightsOf(gate, call.input);
      const text = describe(gate, weights);
      try {
        checkSize(gate, call, weights);
      } catch {
        return { verdict: observing ? "pass" : "refuse", reason: `${text}: never has room for it` };
      }
      const ms = gate.expectedWaitMs(entrant(call, weights));
      if (ms === 0) return { verdict: "pass", reason: text };
      return { verdict: observing ? "pass" : "wait", reason: `${text}, about ${ms} ms` };
    },
    limits,
    close() {
      closed = true;
      gates.close();
    },
  };
}
