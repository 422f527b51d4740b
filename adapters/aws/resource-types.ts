import { ec2ResourceTypes } from "./table.generated.ts";
import { createVerb, kebabNoun, singular } from "./verbs.ts";

/** EC2 creates whose name does not say which resource types take tags. */
const ec2Exceptions: Readonly<Record<string, string>> = {
  AllocateAddress: "elastic-ip",
  AllocateHosts: "dedicated-host",
  AllocateIpamPoolCidr: "ipam-pool-allocation",
  CopyImage: "image snapshot",
  CreateCapacityReservationBySplitting: "capacity-reservation",
  CreateCapacityReservationDateChangeQuote: "capacity-reservation-modification-quote",
  CreateDelegateMacVolumeOwnershipTask: "mac-modification-task",
  CreateFlowLogs: "vpc-flow-log",
  CreateImage: "image snapshot",
  CreateInstanceExportTask: "export-instance-task",
  CreateInterruptibleCapacityReservationAllocation: "capacity-reservation",
  CreateLaunchTemplateVersion: "launch-template",
  CreateMacSystemIntegrityProtectionModificationTask: "mac-modification-task",
  CreateManagedPrefixList: "prefix-list",
  CreateNatGateway: "natgateway",
  CreateNetworkingFlexCostAllocationPolicy: "fca-policy",
  CreatePublicIpv4Pool: "ipv4pool-ec2",
  CreateRestoreImageTask: "image snapshot",
  CreateTransitGatewayConnect: "transit-gateway-attachment",
  CreateTransitGatewayPeeringAttachment: "transit-gateway-attachment",
  CreateTransitGatewayVpcAttachment: "transit-gateway-attachment",
  CreateVpcEndpointServiceConfiguration: "vpc-endpoint-service",
  ExportImage: "export-image-task",
  ImportImage: "import-image-task",
  ImportSnapshot: "import-snapshot-task",
  RequestSpotFleet: "spot-fleet-request",
  RequestSpotInstances: "spot-instances-request",
  RunInstances: "instance volume network-interface",
};

/** Nouns in operation names beside the name that EC2 tags the thing under. */
const ec2Nouns: Readonly<Record<string, string>> = {
  address: "elastic-ip",
  "flow-log": "vpc-flow-log",
  host: "dedicated-host",
  "managed-prefix-list": "prefix-list",
  "nat-gateway": "natgateway",
  "vpc-endpoint-service-configuration": "vpc-endpoint-service",
};

const anyVerb = /^(?:Batch|Transact)?[A-Z][a-z]+(?=[A-Z]|$)/;

/** What an operation is about, in kebab case. */
function nounOf(operation: string): string {
  const noun = kebabNoun(operation.replace(anyVerb, "")).replace(/-(?:by|from|to|with)-.*$/, "");
  return ec2ResourceTypes.has(noun) ? noun : singular(noun);
}

function ec2Noun(noun: string): string {
  const named = ec2Nouns[noun] ?? noun;
  if (ec2ResourceTypes.has(named)) return named;
  // "instance-metadata-option" is about an instance.
  const parts = named.split("-");
  for (let length = parts.length - 1; length > 0; length--) {
    const shorter = parts.slice(0, length).join("-");
    const known = ec2Nouns[shorter] ?? shorter;
    if (ec2ResourceTypes.has(known)) return known;
  }
  return named;
}

/** Which kind of resource an operation is about, under EC2's own tag names where it is EC2. */
export function resourceTypeOf(service: string, operation: string): string | undefined {
  const noun = nounOf(operation);
  if (service !== "EC2") return noun === "" ? undefined : noun;
  return ec2Exceptions[operation]?.split(" ")[0] ?? (noun === "" ? undefined : ec2Noun(noun));
}

/**
 * Resource types that an EC2 create takes in `TagSpecifications`; EC2 refuses any other.
 * @returns Nothing where the type is not known for certain.
 */
export function taggedTypes(operation: string): readonly string[] {
  const special = ec2Exceptions[operation];
  if (special !== undefined) return special.split(" ");
  const noun = kebabNoun(operation.replace(createVerb, ""));
  const type = [noun, singular(noun)].find((name) => ec2ResourceTypes.has(name));
  return type === undefined ? [] : [type];
}
