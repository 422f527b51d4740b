import type { LimitRule } from "../../core/limit-rule.ts";

/**
 * A throttle table for a Kubernetes API server, which publishes no rate: it queues fairly by flow
 * and answers 429 when a queue is full. The figures are what Go controllers keep to unless told
 * otherwise; leases have a bucket of their own, as leader election has a client of its own there:
 * who is busy must not lose the lead over it.
 */
export const kubernetesLimits: readonly LimitRule[] = [
  {
    name: "kubernetes-leases",
    cloud: "kubernetes",
    service: "coordination.k8s.io",
    burst: 10,
    ratePerSecond: 5,
    per: ["account", "region"],
    source:
      "none published by the API server (Priority and Fairness); client-go, rest/config.go, DefaultQPS and DefaultBurst, read 2026-11",
  },
  {
    name: "kubernetes",
    cloud: "kubernetes",
    burst: 30,
    ratePerSecond: 20,
    per: ["account", "region"],
    source:
      "none published by the API server (Priority and Fairness); controller-runtime until 0.20, pkg/client/config/config.go (since 0.21 none, pull request 3119), read 2026-11",
  },
];
