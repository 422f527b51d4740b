import {
  type Attributes,
  type Context,
  type Counter,
  context,
  type Histogram,
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

/** Options of {@link createTelemetry}. */
export interface TelemetryOptions {
  /** @defaultValue the globally registered provider */
  readonly tracerProvider?: TracerProvider;
  /** @defaultValue the globally registered provider */
  readonly meterProvider?: MeterProvider;
}

/** A gauge that is read when metrics are collected. */
export type Gauge = (observe: (value: number, attributes: Attributes) => void) => void;

/** Spans and metrics of one guard. Attributes are names, codes and keys of limits; never input, never a message. */
export interface Telemetry {
  /** Runs `next` inside a span `Service.Operation`. */
  call<R>(call: Call, next: () => Promise<R>): Promise<R>;
  /** Runs `next` inside a child span of the call's. */
  attempt<R>(attempt: Attempt, next: () => Promise<R>): Promise<R>;
  /** A call waited in a queue of the rate limit. */
  waited(call: Call, rule: string, ms: number): void;
  /** A phase refused a call, or would have. */
  refused(phase: Phase, code: string, enforced: boolean): void;
  /** A breaker changed its state. */
  breakerChanged(target: string, state: string): void;
  /** A credential was fetched, or could not be. */
  credentialRenewed(result: "ok" | "failed"): void;
  /** Records that the audit log lost. */
  auditDropped(count: number): void;
  /** Registers a gauge until the guard is closed. */
  gauge(name: string, description: string, read: Gauge): void;
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
  readonly breakers: Counter;
  readonly credentials: Counter;
  readonly dropped: Counter;
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
    breakers: meter.createCounter("provider_guard.breaker.transitions", { description: "Changes of circuit breakers" }),
    credentials: meter.createCounter("provider_guard.credential.renewals", { description: "Credentials fetched" }),
    dropped: meter.createCounter("provider_guard.audit.dropped", { description: "Audit records that were lost" }),
  };
}

function callAttributes(call: Call): Attributes {
  return {
    "rpc.service": call.target.service,
    "rpc.method": call.operation,
    "cloud.provider": call.target.cloud,
    "cloud.region": call.target.region,
    "provider_guard.kind": call.kind,
  };
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
  const made = instruments(meter);
  const removals: (() => void)[] = [];

  async function inSpan<R>(span: Span, active: Context, next: () => Promise<R>, ended: (error: unknown) => void) {
    let failure: unknown;
    try {
      return await context.with(active, next);
    } catch (error) {
      failure = error ?? new Error("rejected without a reason");
      throw error;
    } finally {
      if (failure !== undefined) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: errorName(failure) });
        span.setAttribute("error.type", errorName(failure));
      }
      ended(failure);
      span.end();
    }
  }

  return {
    call(call, next) {
      const started = now();
      const span = tracer.startSpan(`${call.target.service}.${call.operation}`, {
        kind: SpanKind.CLIENT,
        attributes: { ...callAttributes(call), "provider_guard.call_id": call.id },
      });
      const active = trace.setSpan(context.active(), span);
      spans.set(call, { span, context: active });
      return inSpan(span, active, next, (failure) => {
        const attributes = {
          service: call.target.service,
          operation: call.operation,
          kind: call.kind,
          result: resultOf(failure),
        };
        made.calls.add(1, attributes);
        made.duration.record((now() - started) / 1000, attributes);
      });
    },
    attempt(attempt, next) {
      const { call } = attempt;
      const parent = spans.get(call)?.context ?? context.active();
      const span = tracer.startSpan(
        `${call.target.service}.${call.operation} attempt`,
        { kind: SpanKind.CLIENT, attributes: { "provider_guard.attempt": attempt.number } },
        parent,
      );
      return inSpan(span, trace.setSpan(parent, span), next, () => {
        const { answer } = attempt;
        if (answer?.requestId !== undefined) span.setAttribute("cloud.request_id", answer.requestId);
        if (answer?.status !== undefined) span.setAttribute("http.response.status_code", answer.status);
        made.attempts.add(1, {
          service: call.target.service,
          region: call.target.region,
          result: answer?.class ?? "unknown",
        });
      });
    },
    waited(call, rule, ms) {
      spans.get(call)?.span.addEvent("rate limit wait", { "provider_guard.rule": rule, "provider_guard.wait_ms": ms });
      made.waits.record(ms / 1000, { rule });
    },
    refused(phase, code, enforced) {
      made.refusals.add(1, { phase, code, enforced });
    },
    breakerChanged(target, state) {
      made.breakers.add(1, { target, state });
    },
    credentialRenewed(result) {
      made.credentials.add(1, { result });
    },
    auditDropped(count) {
      made.dropped.add(count);
    },
    gauge(name, description, read) {
      const gauge = meter.createObservableGauge(`provider_guard.${name}`, { description });
      const callback = (result: ObservableResult) => read((value, attributes) => result.observe(value, attributes));
      gauge.addCallback(callback);
      removals.push(() => gauge.removeCallback(callback));
    },
    close() {
      for (const remove of removals.splice(0)) remove();
    },
  };
}

/** No telemetry at all. */
export const noTelemetry: Telemetry = {
  call: (_call, next) => next(),
  attempt: (_attempt, next) => next(),
  waited() {},
  refused() {},
  breakerChanged() {},
  credentialRenewed() {},
  auditDropped() {},
  gauge() {},
  close() {},
};
