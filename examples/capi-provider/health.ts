/**
 * What the kubelet and Prometheus ask: `/healthz` (the process answers), `/readyz` (it is ready to
 * work, or to take over), `/metrics` (the guard's own counters, in Prometheus' text format).
 */
import { once } from "node:events";
import { createServer } from "node:http";
import {
  AggregationTemporality,
  DataPointType,
  type Histogram,
  MeterProvider,
  type MetricData,
  MetricReader,
} from "@opentelemetry/sdk-metrics";

/** Collects when it is asked to; `@opentelemetry/exporter-prometheus` is one that does more. */
class PullReader extends MetricReader {
  protected override async onShutdown() {}
  protected override async onForceFlush() {}
}

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  readonly isReady: () => boolean;
}

export interface Health {
  /** To be given to `createGuard({ telemetry })`. */
  readonly meterProvider: MeterProvider;
  readonly port: number;
  close(): Promise<void>;
}

const labelsOf = (attributes: object) =>
  Object.entries(attributes).map(([key, value]) => `${key.replace(/\W/g, "_")}=${JSON.stringify(String(value))}`);

function linesOf({ descriptor, dataPointType, dataPoints }: MetricData): string[] {
  const name = descriptor.name.replace(/\W/g, "_");
  const isHistogram = dataPointType === DataPointType.HISTOGRAM;
  const type = isHistogram ? "histogram" : dataPointType === DataPointType.SUM ? "counter" : "gauge";
  const line = (suffix: string, labels: readonly string[], value: unknown) => `${name}${suffix}{${labels}} ${value}`;
  const points = dataPoints.flatMap(({ attributes, value }) => {
    const labels = labelsOf(attributes);
    if (!isHistogram) return [line("", labels, value)];
    const { buckets, count, sum } = value as Histogram;
    let below = 0;
    const steps = buckets.counts.map((inBucket, index) => {
      below += inBucket;
      return line("_bucket", [...labels, `le="${buckets.boundaries[index] ?? "+Inf"}"`], below);
    });
    return [...steps, line("_sum", labels, sum ?? 0), line("_count", labels, count)];
  });
  return [`# TYPE ${name} ${type}`, ...points];
}

export async function serveHealth({ host, port, isReady }: HealthOptions): Promise<Health> {
  const reader = new PullReader({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const metrics = async () => {
    const { resourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return `${all.flatMap(linesOf).join("\n")}\n`;
  };
  const answers: Readonly<Record<string, () => Promise<[status: number, body: string]>>> = {
    "/healthz": async () => [200, "ok"],
    "/readyz": async () => (isReady() ? [200, "ok"] : [503, "not yet"]),
    "/metrics": async () => [200, await metrics()],
  };
  const server = createServer(async ({ url = "" }, response) => {
    const [status, body] = (await answers[url]?.().catch(() => [500, "failed"] as const)) ?? [404, "not found"];
    response.writeHead(status, { "content-type": "text/plain; version=0.0.4" }).end(body);
  });
  server.listen(port, host);
  await once(server, "listening");
  return {
    meterProvider,
    port: (server.address() as { port: number }).port,
    async close() {
      server.close();
      server.closeAllConnections();
      await meterProvider.shutdown();
    },
  };
}
