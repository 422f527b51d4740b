import type { BucketKey, LimitBucket, LimitRule } from "../../core/limit-rule.ts";

const source = 'Amazon EC2 developer guide, "Request throttling for the Amazon EC2 API", read 2026-11';

/** EC2 counts each API action for itself. */
const per: readonly BucketKey[] = ["account", "region", "operation"];

/** Listings for which a call with neither filter nor page size has a smaller bucket: 50, refilled with 10 a second. */
const listings = [
  "DescribeInstances",
  "DescribeInstanceStatus",
  "DescribeNetworkInterfaces",
  "DescribeSecurityGroups",
  "DescribeSnapshots",
  "DescribeSpotInstanceRequests",
  "DescribeVolumes",
];

/**
 * Such a call takes two tokens of the large bucket, which is half as large and fast for it: rules
 * match no input, and need not. Ids are not named as a filter in the guide and are taken for none.
 */
function listingWeight(input: unknown): number {
  const { Filters, MaxResults, NextToken } = (input ?? {}) as Readonly<Record<string, unknown>>;
  return MaxResults !== undefined || NextToken !== undefined || (Array.isArray(Filters) && Filters.length > 0) ? 1 : 2;
}

/** Actions that also take a token for each machine. */
function perMachine(
  operation: string,
  name: string,
  request: Pick<LimitBucket, "burst" | "ratePerSecond">,
  machines: Pick<LimitBucket, "burst" | "ratePerSecond" | "weight">,
): LimitRule {
  const buckets = [
    { name, ...request, per },
    { name: `${name}-machines`, ...machines, per },
  ];
  return { name, cloud: "aws", service: "EC2", operations: [operation], buckets, source };
}

/** Actions with figures of their own, "uncategorized" in the guide. */
const uncategorized: readonly (readonly [burst: number, ratePerSecond: number, operations: string])[] = [
  [100, 13, "DescribeSpotDatafeedSubscription"],
  [100, 10, "CreateTags DeleteTags"],
  [
    100,
    5,
    "AssignIpv6Addresses AssignPrivateIpAddresses AssociateIamInstanceProfile CreateLaunchTemplateVersion " +
      "CreateNetworkInterface CreateSnapshot CreateSnapshots CreateVolume DeleteNetworkInterface DeleteSnapshot " +
      "DeleteVolume DeregisterImage DescribeSpotFleetInstances DescribeSpotFleetRequestHistory " +
      "DisassociateIamInstanceProfile ModifyImageAttribute ModifyInstanceMetadataOptions ModifyLaunchTemplate " +
      "ModifyNetworkInterfaceAttribute ModifySnapshotAttribute UnassignPrivateIpAddresses",
  ],
  [100, 1, "CopyImage"],
  [50, 3, "CreateSpotDatafeedSubscription DeleteSpotDatafeedSubscription DescribeSpotFleetRequests"],
  [50, 0.5, "DescribeStoreImageTasks"],
  [50, 0.1, "CreateRestoreImageTask CreateStoreImageTask"],
  [20, 5, "DescribeSecurityGroupReferences DescribeStaleSecurityGroups"],
  [
    20,
    4,
    "CreateVerifiedAccessEndpoint DeleteVerifiedAccessEndpoint ModifyVerifiedAccessEndpoint " +
      "ModifyVerifiedAccessEndpointPolicy ModifyVerifiedAccessGroupPolicy",
  ],
  [
    10,
    10,
    "DescribeAggregateIdFormat DescribeIdentityIdFormat DescribeIdFormat DescribePrincipalIdFormat " +
      "DescribeReservedInstancesOfferings",
  ],
  [
    10,
    2,
    "AttachVerifiedAccessTrustProvider CreateVerifiedAccessGroup CreateVerifiedAccessInstance " +
      "CreateVerifiedAccessTrustProvider DeleteVerifiedAccessGroup DeleteVerifiedAccessInstance " +
      "DeleteVerifiedAccessTrustProvider DescribeVerifiedAccessInstanceLoggingConfigurations " +
      "DetachVerifiedAccessTrustProvider ModifyVerifiedAccessGroup ModifyVerifiedAccessInstance " +
      "ModifyVerifiedAccessInstanceLoggingConfiguration ModifyVerifiedAccessTrustProvider",
  ],
  [
    10,
    1,
    "AcceptVpcEndpointConnections AssignPrivateNatGatewayAddress AssociateEnclaveCertificateIamRole " +
      "AssociateNatGatewayAddress CreateNatGateway CreateVpcEndpointServiceConfiguration DeleteNatGateway " +
      "DeleteVpcEndpointServiceConfigurations DisassociateEnclaveCertificateIamRole " +
      "DisassociateNatGatewayAddress GetAssociatedEnclaveCertificateIamRoles " +
      "ModifyVpcEndpointServiceConfiguration RejectVpcEndpointConnections UnassignPrivateNatGatewayAddress",
  ],
  [
    10,
    0.15,
    "DescribeCapacityBlockExtensionOfferings DescribeCapacityBlockOfferings PurchaseCapacityBlock " +
      "PurchaseCapacityBlockExtension",
  ],
  [
    5,
    5,
    "DeleteQueuedReservedInstances DescribeDeclarativePoliciesReports GetDeclarativePoliciesReportSummary " +
      "PurchaseReservedInstancesOffering",
  ],
  [
    5,
    2,
    "AuthorizeClientVpnIngress CreateClientVpnRoute DeleteClientVpnRoute DescribeHostReservations " +
      "DescribeHostReservationOfferings DisableFastLaunch EnableFastLaunch GetHostReservationPurchasePreview " +
      "PurchaseHostReservation RevokeClientVpnIngress",
  ],
  [
    5,
    1,
    "CreateCoipCidr CreateCoipPool CreateSubnetCidrReservation DeleteCoipCidr DeleteCoipPool " +
      "DeleteCoipPoolPermission DeleteSubnetCidrReservation",
  ],
  [4, 0.3, "CreateVpcEndpoint DeleteVpcEndpoints ModifyVpcEndpoint"],
  [2, 2, "ModifyInstanceMetadataDefaults"],
  [
    1,
    1,
    "CancelDeclarativePoliciesReport CreateDefaultSubnet CreateDefaultVpc DescribeInstanceTopology " +
      "DescribeMovingAddresses MoveAddressToVpc RestoreAddressToClassic StartDeclarativePoliciesReport",
  ],
  [1, 0.5, "AssociateCapacityReservationBillingOwner DescribeByoipCidrs DisassociateCapacityReservationBillingOwner"],
  [
    1,
    0.1,
    "AdvertiseByoipCidr DeprovisionByoipCidr DisableImageBlockPublicAccess DisableSnapshotBlockPublicAccess " +
      "EnableImageBlockPublicAccess EnableSnapshotBlockPublicAccess ProvisionByoipCidr WithdrawByoipCidr",
  ],
];

/** EC2's token buckets as published. */
export const ec2Limits: readonly LimitRule[] = [
  perMachine(
    "RunInstances",
    "ec2-run-instances",
    { burst: 5, ratePerSecond: 2 },
    { burst: 1000, ratePerSecond: 2, weight: "MaxCount" },
  ),
  perMachine(
    "StartInstances",
    "ec2-start-instances",
    { burst: 5, ratePerSecond: 2 },
    { burst: 1000, ratePerSecond: 2, weight: "InstanceIds" },
  ),
  perMachine(
    "StopInstances",
    "ec2-stop-instances",
    { burst: 50, ratePerSecond: 5 },
    { burst: 1000, ratePerSecond: 20, weight: "InstanceIds" },
  ),
  perMachine(
    "TerminateInstances",
    "ec2-terminate-instances",
    { burst: 100, ratePerSecond: 5 },
    { burst: 1000, ratePerSecond: 20, weight: "InstanceIds" },
  ),
  ...uncategorized.map(
    ([burst, ratePerSecond, operations]): LimitRule => ({
      name: `ec2-${burst}-${ratePerSecond}`,
      cloud: "aws",
      service: "EC2",
      operations: operations.split(" "),
      burst,
      ratePerSecond,
      per,
      source,
    }),
  ),
  {
    name: "ec2-listing",
    cloud: "aws",
    service: "EC2",
    operations: listings,
    burst: 100,
    ratePerSecond: 20,
    weight: listingWeight,
    per,
    source,
  },
  { name: "ec2-read", cloud: "aws", service: "EC2", kinds: ["read"], burst: 100, ratePerSecond: 20, per, source },
  // "Resource-intensive" actions have the same figures.
  { name: "ec2-mutating", cloud: "aws", service: "EC2", burst: 50, ratePerSecond: 5, per, source },
];
