import type { BucketKey, LimitRule } from "../../core/limit-rule.ts";

const source =
  "none published: OpenStack's services limit no rates, their operators may (Nova's own limits went with its API v2.0); cautious defaults of ours, set your operator's";
const per: readonly BucketKey[] = ["account", "region", "service"];

/** A cautious throttle table for OpenStack, of which no rates are published. The account is the project. */
export const openstackLimits: readonly LimitRule[] = [
  { name: "openstack-reads", cloud: "openstack", kinds: ["read"], burst: 50, ratePerSecond: 10, per, source },
  { name: "openstack-mutating", cloud: "openstack", burst: 20, ratePerSecond: 2, per, source },
];
