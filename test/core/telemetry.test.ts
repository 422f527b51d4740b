import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { expect, it } from "vitest";
import type { Attempt, Call } from "../../src/core/call.ts";
import { createTelemetry } from "../../src/core/telemetry.ts";

it("reads a gauge when metrics are collected, and never after the guard was closed", async () => {
  const exporter = new InMemoryMetricExporter(1);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const telemetry = createTelemetry({ meterProvider }, () => 0);
  let reads = 0;
  telemetry.gauge("test", "a test", (observe) => {
    reads++;
    observe(1, {});
  });
  await reader.forceFlush();
  expect(reads).toBe(1);
  telemetry.close();
  await reader.forceFlush();
  expect(reads).toBe(1);
  await meterProvider.shutdown();
});

it.each([
  ["aws", "aws.request_id"],
  ["azure", "azure.service.request.id"],
  ["gcp", "provider_guard.request_id"],
])("names the request id of %s as the semantic conventions do, and nothing by a deprecated name", (cloud, name) => {
  const spans = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const telemetry = createTelemetry({ tracerProvider }, () => 0);
  const target = { cloud, service: "compute", account: "acme", region: "default" };
  const call = { id: "c", target, operation: "insert", kind: "create" } as Call;
  telemetry.startCall(call).end();
  const answer = { class: "ok", requestId: "req-1", headers: { "x-queue": "narrow" } } as const;
  telemetry.startAttempt({ call, number: 1, answer } as unknown as Attempt).end();
  expect(spans.getFinishedSpans().map(({ attributes }) => attributes)).toEqual([
    {
      ...{ "cloud.provider": cloud, "cloud.account.id": "acme", "rpc.method": "compute/insert" },
      ...{ "provider_guard.kind": "create", "provider_guard.call_id": "c" },
    },
    { "provider_guard.attempt": 1, [name]: "req-1", "http.response.header.x-queue": ["narrow"] },
  ]);
});
