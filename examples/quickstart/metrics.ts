/** Reads the guard's OpenTelemetry counters, as any collector could. */
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  MeterProvider,
  MetricReader,
} from "@opentelemetry/sdk-metrics";

/** Collects only when it is asked to. */
class PullReader extends MetricReader {
  protected override async onShutdown() {}
  protected override async onForceFlush() {}
}

export interface GuardMetrics {
  /** To be given to `createGuard({ telemetry })`. */
  readonly meterProvider: MeterProvider;
  /** How often something was counted, or measured, since the start. */
  count(name: string, attributes?: Readonly<Record<string, string>>): Promise<number>;
}

export function guardMetrics(): GuardMetrics {
  const reader = new PullReader({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  const meterProvider = new MeterProvider({ readers: [reader] });
  return {
    meterProvider,
    async count(name, attributes = {}) {
      const { resourceMetrics } = await reader.collect();
      const points = resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .filter(({ descriptor }) => descriptor.name === `provider_guard.${name}`)
        .flatMap(({ dataPoints }) => dataPoints as DataPoint<number | Histogram>[])
        .filter((point) => Object.entries(attributes).every(([key, value]) => point.attributes[key] === value));
      return points.reduce((sum, { value }) => sum + (typeof value === "number" ? value : value.count), 0);
    },
  };
}
