import type { CircuitNews } from "../../src/circuit-breaker/circuit.ts";
import { circuitBreaker } from "../../src/circuit-breaker/circuit-breaker.ts";
import type { CircuitBreakerOptions } from "../../src/circuit-breaker/options.ts";
import type { Answer, Attempt, Call } from "../../src/core/call.ts";
import type { ErrorClass } from "../../src/core/errors.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import type { Target } from "../../src/core/target.ts";
import type { Gauge, Telemetry } from "../../src/core/telemetry.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";

export const ireland: Target = { cloud: "aws", service: "EC2", account: "123456789012", region: "eu-west-1" };
export const irelandKey = "aws|123456789012|eu-west-1|EC2";

/** A request whose end the test decides. */
export interface Request {
  /** What the caller got: a value, or the error. */
  readonly result: Promise<unknown>;
  readonly call: Call;
  succeed(): Promise<void>;
  fail(answer?: Partial<Answer>, error?: unknown): Promise<void>;
}

export function makeCall(target: Target = ireland, input: unknown = {}, signal?: AbortSignal): Call {
  return {
    id: "c1",
    target,
    operation: "RunInstances",
    kind: "create",
    input,
    signal,
    decisions: [],
    attempts: [],
  } as unknown as Call;
}

export function makeAttempt(call: Call): Attempt {
  return { call, number: 1, startedAt: 0, waitedMs: 0, sent: true, again: false, answer: undefined, latencyMs: 0 };
}

export function harness(options: CircuitBreakerOptions = {}, random = () => 1) {
  const clock: FakeClock = fakeClock();
  const changes: string[] = [];
  const gauges = new Map<string, Gauge>();
  const telemetry = {
    breakerChanged: (target: string, state: string) => void changes.push(`${target} ${state}`),
    gauge: (name: string, _description: string, read: Gauge) => void gauges.set(name, read),
    credentialRenewed() {},
  } as unknown as Telemetry;
  const runtime: Runtime = { clock, random, telemetry, modeOf: () => "enforce" };
  const news: CircuitNews[] = [];
  const breaker = circuitBreaker(options, runtime, (item) => news.push(item));
  let sent = 0;

  function begin(target: Target = ireland, input: unknown = {}, signal?: AbortSignal): Request {
    const call = makeCall(target, input, signal);
    const attempt = makeAttempt(call);
    let resolve: (value: unknown) => void = () => {};
    let reject: (error: unknown) => void = () => {};
    const wire = new Promise((ok, no) => {
      resolve = ok;
      reject = no;
    });
    const result = breaker.intercept(attempt, () => {
      sent++;
      return wire;
    });
    result.catch(() => {});
    const ended = () =>
      result.then(
        () => {},
        () => {},
      );
    return {
      result,
      call,
      succeed() {
        attempt.answer = { class: "ok" };
        resolve("answer");
        return ended();
      },
      fail(answer = { class: "outage", status: 503 }, error = new Error("from the SDK")) {
        attempt.answer = answer.class === undefined ? undefined : { class: answer.class, ...answer };
        reject(error);
        return ended();
      },
    };
  }

  const states = () => new Map([...breaker.circuits()].map(({ key, state }) => [key, state]));

  return {
    clock,
    breaker,
    changes,
    /** What circuits have found out by themselves. */
    news,
    begin,
    /** How many requests reached the wire. */
    sent: () => sent,
    succeed: (target?: Target) => begin(target).succeed(),
    fail: (target?: Target) => begin(target).fail(),
    answer: (cls: ErrorClass, status?: number, target?: Target) =>
      begin(target).fail({ class: cls, ...(status === undefined ? {} : { status }) }),
    /** Fails until the circuit is open. */
    async trip(target: Target = ireland) {
      for (let i = 0; i < 10; i++) await begin(target).fail();
    },
    states,
    state: (key = irelandKey) => states().get(key),
    gauge() {
      const values: Record<string, number> = {};
      gauges.get("breaker.state")?.((value, { target }) => {
        values[String(target)] = value;
      });
      return values;
    },
  };
}
