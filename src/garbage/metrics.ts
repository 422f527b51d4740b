import { type MeterProvider, metrics } from "@opentelemetry/api";
import type { GarbageTypeStatus } from "./collector-interface.ts";
import type { GarbageProgress } from "./progress.ts";

/** Shows how a collector fares. */
export interface GarbageMetrics {
  see(progress: GarbageProgress): void;
  close(): void;
}

/** @param status - Read when metrics are collected; where it fails, the gauges are silent. */
export function garbageMetrics(
  provider: MeterProvider | undefined,
  status: () => Promise<readonly GarbageTypeStatus[]>,
): GarbageMetrics {
  const meter = (provider ?? metrics).getMeter("provider-guard");
  const counter = (name: string, description: string) =>
    meter.createCounter(`provider_guard.garbage.${name}`, { description });
  const swept = counter("swept", "Planned resources by what became of them");
  const changes = counter("marks", "Marks set and taken away");
  const passes = counter("passes", "Passes over a type, complete or not");
  const resources = meter.createObservableGauge("provider_guard.garbage.resources", {
    description: "Resources by standing at the last complete pass",
  });
  const ages = meter.createObservableGauge("provider_guard.garbage.oldest", {
    unit: "s",
    description: "Unix time since when the oldest marked resource has no owner",
  });
  const lastPass = meter.createObservableGauge("provider_guard.garbage.last_complete_pass", {
    unit: "s",
    description: "Unix time of the last complete pass",
  });
  const state = meter.createObservableGauge("provider_guard.garbage.stuck", {
    description: "Resources that something depends on, and breakers that are latched",
  });
  const gauges = [resources, ages, lastPass, state];

  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = async (result) => {
    for (const { scope, type, record, breaker, stuck, oldestAt } of await status().catch(() => [])) {
      const at = { scope, type };
      if (oldestAt !== undefined) result.observe(ages, oldestAt / 1000, at);
      result.observe(state, stuck, { ...at, what: "resources" });
      result.observe(state, breaker.latched === undefined ? 0 : 1, { ...at, what: "breaker" });
      if (record.complete === undefined) continue;
      result.observe(lastPass, record.complete.endedAt / 1000, at);
      for (const [standing, count] of Object.entries(record.complete.tally))
        result.observe(resources, count, { ...at, standing });
    }
  };
  meter.addBatchObservableCallback(observe, gauges);

  return {
    see(progress) {
      if (progress.type === "page") return;
      if (progress.type === "swept") {
        const { scope, type } = progress.entry;
        swept.add(1, { scope, type, outcome: progress.outcome });
        return;
      }
      const { type: result, scope, of: type } = progress;
      const isMark = result === "marked" || result === "unmarked";
      (isMark ? changes : passes).add(1, { scope, type, result });
    },
    close: () => meter.removeBatchObservableCallback(observe, gauges),
  };
}
