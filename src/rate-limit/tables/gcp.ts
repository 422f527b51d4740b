import type { BucketKey, LimitRule } from "../../core/limit-rule.ts";
import { fixedWindow } from "./fixed-window.ts";

const page = 'Compute Engine, "Rate quotas", read 2026-11';
const lastPrinted = (quota: string) =>
  `${page}: the group; it prints no defaults any more, ${quota} for a project is the last that it printed`;

const per: readonly BucketKey[] = ["account"];

/** Compute counts by the minute and refills at its boundaries. */
function group(
  name: string,
  perMinute: number,
  source: string,
  match: Pick<LimitRule, "operations" | "kinds"> = {},
): LimitRule {
  return { name, cloud: "gcp", ...match, ...fixedWindow(perMinute, 60), per, source };
}

const usual = lastPrinted("1500 a minute");

/**
 * Compute Engine's throttle table by groups of methods, which are recognised by Compute's own names
 * (`instances.aggregatedList`). The account is the project. Zonal and regional methods have the same
 * quota in each region: here all regions share one, because global methods do.
 */
export const gcpLimits: readonly LimitRule[] = [
  group("gcp-common-metadata", 36, page, { operations: ["projects.setCommonInstanceMetadata"] }),
  group("gcp-heavy-reads", 600, lastPrinted("10 a second"), { operations: ["*.aggregatedList", "*Operations.wait"] }),
  group("gcp-operation-reads", 1500, usual, { operations: ["*Operations.get"] }),
  group("gcp-lists", 1500, usual, { operations: ["*.list*"] }),
  group("gcp-reads", 1500, usual, { kinds: ["read"] }),
  group("gcp-mutations", 1500, usual),
];
