import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { expect, it } from "vitest";
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
