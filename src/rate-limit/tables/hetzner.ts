import type { LimitRule } from "../../core/limit-rule.ts";

/**
 * Hetzner Cloud's throttle table: one bucket per project, whatever is called. Other programs with
 * tokens of the same project take from it too. The account is the project.
 */
export const hetznerLimits: readonly LimitRule[] = [
  {
    name: "hetzner",
    cloud: "hetzner",
    burst: 3600,
    ratePerSecond: 1,
    per: ["account"],
    source: 'Hetzner Cloud API documentation, "Rate limiting", read 2026-11: 3600 an hour, one comes back each second',
  },
];
