import type { LimitBucket, LimitRule } from "../../core/limit-rule.ts";
import type { CallKind } from "../../core/target.ts";
import { fixedWindow } from "./fixed-window.ts";

const source = 'Azure Resource Manager, "Understand how Azure Resource Manager throttles requests", read 2026-11';

/**
 * One bucket per region and principal, and one for all principals of the subscription, 15 times as
 * large. The account is the subscription; a process has one principal. That the second bucket spans
 * the regions is the cautious reading.
 */
function armBuckets(operations: string, burst: number, ratePerSecond: number): readonly LimitBucket[] {
  return [
    { name: `azure-${operations}`, burst, ratePerSecond, per: ["account", "region"] },
    {
      name: `azure-subscription-${operations}`,
      burst: burst * 15,
      ratePerSecond: ratePerSecond * 15,
      per: ["account"],
    },
  ];
}

const reads = armBuckets("reads", 250, 25);
const writes = armBuckets("writes", 200, 10);
const deletes = armBuckets("deletes", 200, 10);

/** The network provider counts for itself, in windows of five minutes, deletes among the writes. */
const networkReads = { name: "azure-network-reads", ...fixedWindow(10_000, 300), per: ["account", "region"] } as const;
const networkWrites = { name: "azure-network-writes", ...fixedWindow(1000, 300), per: ["account", "region"] } as const;

function rule(name: string, buckets: readonly LimitBucket[], kinds?: readonly CallKind[], service?: string): LimitRule {
  return { name, cloud: "azure", ...(service && { service }), ...(kinds && { kinds }), buckets, source };
}

/**
 * Azure Resource Manager's throttle table, and the network provider's for calls whose service is
 * `Microsoft.Network`. Other providers publish limits per resource: what they say is left is learnt.
 */
export const azureLimits: readonly LimitRule[] = [
  rule("azure-network-reads", [...reads, networkReads], ["read"], "Microsoft.Network"),
  rule("azure-network-deletes", [...deletes, networkWrites], ["delete"], "Microsoft.Network"),
  rule("azure-network-writes", [...writes, networkWrites], undefined, "Microsoft.Network"),
  rule("azure-reads", reads, ["read"]),
  rule("azure-deletes", deletes, ["delete"]),
  rule("azure-writes", writes),
];
