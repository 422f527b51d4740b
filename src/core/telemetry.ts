import {
  type Attributes,
  type Context,
  type Counter,
  context,
  type Histogram,
  INVALID_TRACEID,
  type Meter,
  type MeterProvider,
  metrics,
  type ObservableResult,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import type { Attempt, Call } from "./call.ts";
import type { Phase } from "./phases.ts";
import { requestIdName, targetAttributes } from "./semantic-names.ts";
import type { Target } from "./target.ts";

/** Options of {@link createTelemetry}. */
export interface TelemetryOptions {
  /** @defaultValue the globally registered provider */
  readonly tracerProvider?: TracerProvider;
  /** @defaultValue the globally registered provider */
  readonly meterProvider?: MeterProvider;
}

/** A gauge that is read when metrics are collected. */
export type Gauge = (observe: (value: number, attributes: Attributes) => void) => void;

/** A span that was started, or nothing where nobody listens. */
export interface Running {
  /** Runs `next` with the span as the active one. */
  run<R>(next: () => Promise<R>): Promise<R>;
  /** Ends the span and counts. @param error - What was thrown; `undefined` after success. */
  end(error?: unknown): void;
}

/** Who shows gauges. */
export interface Gauges {
  /**
   * Registers a gauge until the guard is closed.
   *
   * @param name - What follows `provider_guard.`.
   * @returns Ends the gauge before that.
   */
  gauge(name: string, description: string, read: Gauge): () => void;
}

/** Spans and metrics of one guard. Attributes are names, codes and keys of limits; never input, never a message. */
export interface Telemetry extends Gauges {
  /** Starts a span `Service.Operation`. */
  startCall(call: Call): Running;
  /** Starts a child span of the call's. */
  startAttempt(attempt: Attempt): Running;
  /** A call waited in a queue of the rate limit. */
  waited(call: Call, rule: string, ms: number): void;
  /** A phase let a call pass for a reason that should be seen. @param note - Constant text; the name of the span's event. */
  noted(call: Call, note: string): void;
  /** A phase refused a call, or would have. */
  refused(phase: Phase, code: string, enforced: boolean): void;
  /** A call exceeded a budget; `enforced` where it was refused. */
  quotaExceeded(budget: string, enforced: boolean): void;
  /** A breaker changed its state. */
  breakerChanged(target: string, state: string): void;
  /** A credential was fetched, or could not be. */
  credentialRenewed(result: "ok" | "failed"): void;
  close(): void;
}

const scope = "provider-guard";
const spans = new WeakMap<Call, { readonly span: Span; readonly context: Context }>();

interface Instruments {
  readonly calls: Counter;
  readonly duration: Histogram;
  readonly attempts: Counter;
  readonly waits: Histogram;
  readonly refusals: Counter;
  readonly exceeded: Counter;
  readonly breakers: Counter;
  readonly credentials: Counter;
}

function instruments(meter: Meter): Instruments {
  return {
    calls: meter.createCounter("provider_guard.calls", { description: "Calls that ended, by result" }),
    duration: meter.createHistogram("provider_guard.call.duration", { unit: "s", description: "Duration of calls" }),
    attempts: meter.createCounter("provider_guard.attempts", { description: "Requests on the wire, by result" }),
    waits: meter.createHistogram("provider_guard.wait.duration", {
      unit: "s",
      description: "Waits for the rate limit",
    }),
    refusals: meter.createCounter("provider_guard.refusals", { description: "Refused calls, by phase and code" }),
    exceeded: meter.createCounter("provider_guard.quota.exceeded", { description: "Calls that exceeded a budget" }),
    breakers: meter.createCounter("provider_guard.breaker.transitions", { description: "Changes of circuit breakers" }),
    credentials: meter.createCounter("provider_guard.credential.renewals", { description: "Credentials fetched" }),
  };
}

/** What is constant for one operation of one client; made once. */
interface Names {
  readonly call: string;
  readonly attempt: string;
  readonly attributes: Attributes;
  /** Labels of the metrics, by result. */
  readonly calls: Map<string, Attributes>;
  readonly attempts: Map<string, Attributes>;
}

const maxResults = 64; // an SDK may name its errors as it likes

function namesOf({ target, operation, kind }: Call): Names {
  const call = `${target.service}.${operation}`;
  return {
    call,
    attempt: `${call} attempt`,
    attributes: {
      ...targetAttributes(target, operation),
      "provider_guard.kind": kind,
    },
    calls: new Map(),
    attempts: new Map(),
  };
}

function labels(known: Map<string, Attributes>, result: string, make: () => Attributes): Attributes {
  const found = known.get(result);
  if (found !== undefined) return found;
  const made = make();
  if (known.size < maxResults) known.set(result, made);
  return made;
}

const resultOf = (error: unknown): string => (error === undefined ? "ok" : errorName(error));

function errorName(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(code)) return code;
  const name = (error as { name?: unknown } | null)?.name;
  return typeof name === "string" && /^[\w.]{1,64}$/.test(name) ? name : "Error";
}

/**
 * Makes spans and metrics through `@opentelemetry/api` alone: without an SDK all of it is a no-op.
 *
 * @param options - Providers to use instead of the global ones.
 * @param now - Monotonic milliseconds.
 */
export function createTelemetry(options: TelemetryOptions, now: () => number): Telemetry {
  const tracer: Tracer = (options.tracerProvider ?? trace).getTracer(scope);
  const meter = (options.meterProvider ?? metrics).getMeter(scope);
  const metric = instruments(meter);
  const removals = new Set<() => void>();

  const names = new WeakMap<Target, Names>();

  function known(call: Call): Names {
    let found = names.get(call.target);
    if (found === undefined) {
      found = namesOf(call);
      names.set(call.target, found);
    }
    return found;
  }

  interface Started extends Running {
    readonly context: Context;
    /** `false` without an SDK: there is nothing to hand down, and each call spares two contexts. */
    readonly listening: boolean;
  }

  function running(span: Span, parent: Context, ended: (error: unknown) => void): Started {
    const listening = span.spanContext().traceId !== INVALID_TRACEID;
    const active = listening ? trace.setSpan(parent, span) : parent;
    return {
      context: active,
      listening,
      run: (next) => (listening ? context.with(active, next) : next()),
      end(error) {
        if (error !== undefined) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: errorName(error) });
          span.setAttribute("error.type", errorName(error));
        }
        ended(error);
        span.end();
      },
    };
  }

  return {
    startCall(call) {
      const started = now();
      const { call: name, attributes, calls } = known(call);
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes });
      if (span.isRecording()) span.setAttribute("provider_guard.call_id", call.id);
      const made = running(span, context.active(), (error) => {
        const result = resultOf(error);
        const { target, operation, kind } = call;
        const all = labels(calls, result, () => ({ service: target.service, operation, kind, result }));
        metric.calls.add(1, all);
        metric.duration.record((now() - started) / 1000, all);
      });
      if (made.listening) spans.set(call, { span, context: made.context });
      return made;
    },
    startAttempt(attempt) {
      const { call } = attempt;
      const { attempt: name, attempts } = known(call);
      const parent = spans.get(call)?.context ?? context.active();
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT }, parent);
      return running(span, parent, () => {
        const { answer, number } = attempt;
        if (span.isRecording()) {
          span.setAttribute("provider_guard.attempt", number);
          if (answer?.requestId !== undefined) span.setAttribute(requestIdName(call.target.cloud), answer.requestId);
          if (answer?.status !== undefined) span.setAttribute("http.response.status_code", answer.status);
          for (const [name, value] of Object.entries(answer?.headers ?? {})) {
            span.setAttribute(`http.response.header.${name}`, [value]);
          }
        }
        const result = answer?.class ?? "unknown";
        const { service, region } = call.target;
        metric.attempts.add(
          1,
          labels(attempts, result, () => ({ service, region, result })),
        );
      });
    },
    waited(call, rule, ms) {
      spans.get(call)?.span.addEvent("rate limit wait", { "provider_guard.rule": rule, "provider_guard.wait_ms": ms });
      metric.waits.record(ms / 1000, { rule });
    },
    noted(call, note) {
      spans.get(call)?.span.addEvent(note);
    },
    refused(phase, code, enforced) {
      metric.refusals.add(1, { phase, code, enforced });
    },
    quotaExceeded(budget, enforced) {
      metric.exceeded.add(1, { budget, enforced });
    },
    breakerChanged(target, state) {
      metric.breakers.add(1, { target, state });
    },
    credentialRenewed(result) {
      metric.credentials.add(1, { result });
    },
    gauge(name, description, read) {
      const gauge = meter.createObservableGauge(`provider_guard.${name}`, { description });
      const callback = (result: ObservableResult) => read((value, attributes) => result.observe(value, attributes));
      gauge.addCallback(callback);
      const remove = () => {
        gauge.removeCallback(callback);
        removals.delete(remove);
      };
      removals.add(remove);
      return remove;
    },
    close() {
      for (const remove of removals) remove();
    },
  };
}

const notRunning: Running = { run: (next) => next(), end() {} };

/** No telemetry at all. */
export const noTelemetry: Telemetry = {
  startCall: () => notRunning,
  startAttempt: () => notRunning,
  waited() {},
  noted() {},
  refused() {},
  quotaExceeded() {},
  breakerChanged() {},
  credentialRenewed() {},
  gauge: () => () => {},
  close() {},
};
