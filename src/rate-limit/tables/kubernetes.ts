import type { LimitRule } from "../../core/limit-rule.ts";

/**
 * A throttle table for a Kubernetes API server, which publishes no rate: it queues fairly by flow
 * and answers 429 when a queue is full. The figure is what Go clients keep to unless told otherwise.
 */
export const kubernetesLimits: readonly LimitRule[] = [
  {
    name: "kubernetes",
    cloud: "kubernetes",
    burst: 10,
    ratePerSecond: 5,
    per: ["account", "region"],
    source:
      "none published by the API server (Priority and Fairness); client-go, rest/config.go, DefaultQPS and DefaultBurst, read 2026-11",
  },
];
