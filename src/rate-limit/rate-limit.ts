import * as z from "zod";
import type { Attempt, Call, Target } from "../core/call.ts";
import { parseOptions } from "../core/config.ts";
import type { GuardError } from "../core/errors.ts";
import { isGuardError } from "../core/errors.ts";
import type { Explanation, PhaseInterceptor } from "../core/interceptor.ts";
import type { LimitRule } from "../core/limit-rule.ts";
import { refuse } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import { Gate, guardClosed } from "./gate.ts";
import { limitRuleSchema, ruleFor } from "./rules.ts";

/** Options of the rate limit. */
export interface RateLimitOptions {
  /** Your own rules, tried before the adapter's published table; the first that matches wins. @defaultValue `[]` */
  readonly rules?: readonly LimitRule[];
  /** Calls of one cluster that may wait for one bucket. @defaultValue 200 */
  readonly maxWaitingPerCluster?: number;
}

const schema = z.strictObject({
  rules: z.array(limitRuleSchema).readonly().optional(),
  maxWaitingPerCluster: z.int().min(0).optional(),
});

const published = z.array(limitRuleSchema).readonly();
const name = "rate-limit";

/**
 * Delays calls so that each operation class stays under its token-bucket rate, fairly between
 * clusters. A waiting call leaves the queue, and spends no token, when its signal aborts.
 */
export function rateLimit(options: RateLimitOptions, runtime: Runtime): PhaseInterceptor {
  const { rules = [], maxWaitingPerCluster = 200 } = parseOptions(schema, options, "rateLimit") as RateLimitOptions;
  const { clock, telemetry } = runtime;
  const observing = runtime.modeOf("limit") === "observe";
  const gates = new Map<string, Gate>();
  const gateOfTarget = new WeakMap<Target, Gate>(); // a target object belongs to one operation of one client
  let sweepAt = 1024;
  let closed = false;

  telemetry.gauge("rate_limit.tokens", "Tokens at hand, by bucket", (observe) => {
    const now = clock.monotonic();
    for (const gate of gates.values()) observe(gate.bucket.tokens(now), { bucket: gate.key });
  });
  telemetry.gauge("rate_limit.waiting", "Calls that wait, by bucket", (observe) => {
    for (const gate of gates.values()) observe(gate.waiting, { bucket: gate.key });
  });

  /** An idle bucket behaves like a new one, so it need not be kept. */
  function sweep(): void {
    const now = clock.monotonic();
    for (const [key, gate] of gates) {
      if (gate.waiting > 0 || !gate.bucket.isIdle(now)) continue;
      gate.retired = true;
      gates.delete(key);
    }
    sweepAt = Math.max(1024, gates.size * 2);
  }

  function resolveGate(call: Call): Gate {
    const rule = ruleFor(call, rules);
    const key = `${rule.name}|${call.target.cloud}|${call.target.account}|${call.target.region}`;
    let gate = gates.get(key);
    if (gate === undefined) {
      if (gates.size >= sweepAt) sweep();
      gate = new Gate(rule, key, clock, maxWaitingPerCluster);
      gates.set(key, gate);
    }
    gateOfTarget.set(call.target, gate);
    return gate;
  }

  function gateFor(call: Call): Gate {
    const gate = gateOfTarget.get(call.target);
    return gate === undefined || gate.retired ? resolveGate(call) : gate;
  }

  async function wait(gate: Gate, call: Call): Promise<number> {
    const from = clock.monotonic();
    try {
      if (closed) throw guardClosed();
      await gate.enter(call.owner.cluster?.uid ?? "", call.operation, call.signal);
    } catch (error) {
      throw isGuardError(error) ? refuse(call, "limit", name, error as GuardError) : error;
    }
    const ms = clock.monotonic() - from;
    call.decisions.push({ phase: "limit", by: name, verdict: "wait", ms: Math.round(ms), note: gate.rule.name });
    telemetry.waited(call, gate.rule.name, ms);
    return ms;
  }

  /** Learns from the answer. @param admittedAt - When its token was spent. */
  function learn(gate: Gate, { sent, answer }: Attempt, admittedAt: number): void {
    if (!sent) gate.bucket.giveBack();
    else if (answer?.class === "ok") gate.bucket.succeeded(clock.monotonic());
    else if (answer?.class === "throttled") gate.bucket.throttled(clock.monotonic(), admittedAt, answer.retryAfterMs);
  }

  function run(gate: Gate, attempt: Attempt, next: () => Promise<unknown>, admittedAt: number): Promise<unknown> {
    const result = next();
    const learned = () => learn(gate, attempt, admittedAt);
    result.then(learned, learned); // attached first: whoever waits for the result finds the bucket adjusted
    return result;
  }

  async function waitAndRun(gate: Gate, attempt: Attempt, next: () => Promise<unknown>): Promise<unknown> {
    attempt.waitedMs = await wait(gate, attempt.call);
    return run(gate, attempt, next, clock.monotonic());
  }

  /** Lets a call pass that would have waited; it spends no token. */
  function pass(gate: Gate, attempt: Attempt, next: () => Promise<unknown>, now: number): Promise<unknown> {
    const ms = gate.expectedWaitMs();
    attempt.call.decisions.push({ phase: "limit", by: name, verdict: "would-wait", ms, note: gate.rule.name });
    const result = next();
    const learned = () => {
      if (attempt.sent) learn(gate, attempt, now);
    };
    result.then(learned, learned);
    return result;
  }

  return {
    name,
    ring: "attempt",
    phase: "limit",
    intercept(attempt, next) {
      const gate = gateFor(attempt.call);
      const now = clock.monotonic();
      if (gate.tryEnter(now)) return run(gate, attempt, next, now);
      return observing ? pass(gate, attempt, next, now) : waitAndRun(gate, attempt, next);
    },
    wrapping({ adapter }) {
      parseOptions(published, adapter.limits ?? [], `${adapter.name}.limits`);
    },
    explain(call): Explanation {
      const gate = gateFor(call);
      const ms = gate.expectedWaitMs();
      const rule = `rule "${gate.rule.name}" (${gate.rule.ratePerSecond}/s, burst ${gate.rule.burst})`;
      const state = `now ${gate.bucket.ratePerSecond.toFixed(2)}/s, ${gate.waiting} waiting`;
      if (ms === 0) return { verdict: "pass", reason: `${rule}, ${state}` };
      return { verdict: observing ? "pass" : "wait", reason: `${rule}, ${state}, about ${ms} ms` };
    },
    close() {
      closed = true;
      for (const gate of gates.values()) gate.close();
      gates.clear();
    },
  };
}
