import type { LimitRule } from "../../core/limit-rule.ts";

const source =
  'Elastic Load Balancing user guide, "Throttling for the Elastic Load Balancing API", read 2026-11. Whether both API versions share a bucket is not said; here they do';

/** Every action takes from its category's bucket and from the account's, which all actions share. */
function elbRule(
  category: string,
  burst: number,
  ratePerSecond: number,
  match: Pick<LimitRule, "operations" | "kinds">,
): LimitRule {
  const name = `elb-${category}`;
  const buckets = [
    { name, burst, ratePerSecond },
    { name: "elb-account", burst: 40, ratePerSecond: 10 },
  ];
  return { name, cloud: "aws", service: "ElasticLoadBalancing*", ...match, buckets, source };
}

/** Elastic Load Balancing's token buckets as published, for classic load balancers and their successors. */
export const elbLimits: readonly LimitRule[] = [
  elbRule("resource-intensive", 10, 0.2, {
    operations: [
      "CreateLoadBalancer",
      "SetSubnets",
      "AttachLoadBalancerToSubnets",
      "DetachLoadBalancerFromSubnets",
      "EnableAvailabilityZonesForLoadBalancer",
      "DisableAvailabilityZonesForLoadBalancer",
    ],
  }),
  elbRule("registration", 20, 4, {
    operations: [
      "RegisterTargets",
      "DeregisterTargets",
      "RegisterInstancesWithLoadBalancer",
      "DeregisterInstancesFromLoadBalancer",
    ],
  }),
  elbRule("trust-store-content", 20, 4, {
    operations: ["GetResourcePolicy", "GetTrustStoreCaCertificatesBundle", "GetTrustStoreRevocationContent"],
  }),
  elbRule("read", 40, 10, { kinds: ["read"] }),
  elbRule("trust-store-mutating", 10, 0.2, {
    operations: ["*TrustStore", "*TrustStoreRevocations", "DeleteSharedTrustStoreAssociation"],
  }),
  elbRule("mutating", 20, 3, {}),
];
