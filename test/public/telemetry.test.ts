import { context, SpanStatusCode } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AcmeError, acme, subject } from "../support/acme.ts";

const spans = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
let exporter: InMemoryMetricExporter;
let reader: PeriodicExportingMetricReader;
let meterProvider: MeterProvider;

beforeEach(() => {
  spans.reset();
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  meterProvider = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterEach(async () => {
  context.disable();
  await meterProvider.shutdown();
});

async function metric(name: string) {
  await reader.forceFlush();
  const all =
    exporter
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? [];
  return all.find(({ descriptor }) => descriptor.name === `provider_guard.${name}`)?.dataPoints ?? [];
}

describe("telemetry", () => {
  it("makes a span per call, its attempts as children, and a wait as an event", async () => {
    const rules = [{ name: "slow", ratePerSecond: 1, burst: 1 }];
    const { guard, client, clock } = await acme({ telemetry: { tracerProvider, meterProvider }, rateLimit: { rules } });
    const run = guard.reconcile(subject("a"), async () => {
      await client.createServer({ name: "one" });
      await client.createServer({ name: "two" });
    });
    await clock.runUntil(run);
    const finished = spans.getFinishedSpans();
    const calls = finished.filter(({ name }) => name === "acme.createServer");
    const attempts = finished.filter(({ name }) => name === "acme.createServer attempt");
    expect([calls.length, attempts.length]).toEqual([2, 2]);
    expect(attempts.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      calls.map((span) => span.spanContext().spanId),
    );
    const names = { "cloud.provider": "acme", "rpc.method": "acme/createServer", "provider_guard.kind": "create" };
    expect(calls[0]?.attributes).toEqual({ ...names, "provider_guard.call_id": expect.any(String) });
    expect(calls[1]?.events).toMatchObject([
      { name: "rate limit wait", attributes: { "provider_guard.rule": "slow", "provider_guard.wait_ms": 1000 } },
    ]);
  });

  it("counts calls, attempts, refusals and waits, and shows tokens, with few labels", async () => {
    const { client, raw } = await acme({ telemetry: { tracerProvider, meterProvider } });
    await client.listServers();
    raw.answers.push(new AcmeError("nope", { status: 403 }));
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toThrow();
    await expect(client.createServer({ name: "outside" })).rejects.toThrow();
    expect(
      (await metric("calls")).map(({ attributes, value }) => [attributes.operation, attributes.result, value]),
    ).toEqual([
      ["listServers", "ok", 1],
      ["deleteServer", "AcmeError", 1],
      ["createServer", "ERR_OWNER_MISSING", 1],
    ]);
    expect((await metric("attempts")).map(({ attributes, value }) => [attributes.result, value])).toEqual([
      ["ok", 1],
      ["denied", 1],
    ]);
    expect(await metric("refusals")).toMatchObject([
      { value: 1, attributes: { phase: "own", code: "ERR_OWNER_MISSING", enforced: true } },
    ]);
    const place = { cloud: "acme", account: "default", region: "default" };
    expect((await metric("rate_limit.tokens")).map(({ attributes }) => attributes)).toEqual([
      { bucket: "default-read", ...place },
      { bucket: "default-mutating", ...place },
    ]);
  });

  it("marks failures with code and class, and holds nothing of input or message", async () => {
    const { guard, client, raw } = await acme({ telemetry: { tracerProvider, meterProvider } });
    raw.answers.push(new AcmeError("password hunter2 is wrong", { status: 400, code: "BadPassword" }));
    const create = () => client.createServer({ name: "canary-name", password: "hunter2" });
    await expect(guard.reconcile(subject("canary-cluster"), create)).rejects.toThrow();
    const [attempt, call] = spans.getFinishedSpans();
    expect(attempt?.attributes).toMatchObject({ "http.response.status_code": 400 });
    expect(call?.status).toEqual({ code: SpanStatusCode.ERROR, message: "AcmeError" });
    await reader.forceFlush();
    const written = JSON.stringify([
      spans.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
      exporter.getMetrics(),
    ]);
    for (const secret of ["hunter2", "canary-name", "canary-cluster"]) expect(written).not.toContain(secret);
  });

  it("is nothing at all when it is turned off", async () => {
    const { client, raw } = await acme({ telemetry: false });
    await client.listServers();
    expect(raw.sent).toHaveLength(1);
  });
});
