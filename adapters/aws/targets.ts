import type { Call } from "../../src/core/call.ts";
import { fieldsOf } from "./tag-styles.ts";

/** EC2's ids never change hands: `i-0123456789abcdef0`, `vpce-svc-…`, `eipalloc-…`. */
const ec2Id = /^[a-z][a-z0-9-]*-[0-9a-f]{8,17}$/;

/** Members that name what an EC2 operation changes, not what it merely refers to. */
const ec2Members: ReadonlySet<string> = new Set(
  (
    "AllocationId AllocationIds CapacityReservationId CapacityReservationIds CarrierGatewayId ClientVpnEndpointId " +
    "CustomerGatewayId DhcpOptionsId EgressOnlyInternetGatewayId FleetId FleetIds FlowLogId FlowLogIds FpgaImageId " +
    "GroupId GroupIds HostId HostIds ImageId InstanceConnectEndpointId InstanceId InstanceIds InternetGatewayId " +
    "KeyPairId LaunchTemplateId NatGatewayId NetworkAclId NetworkInterfaceId NetworkInterfaceIds PlacementGroupId " +
    "PrefixListId ResourceId ResourceIds Resources RouteTableId SecurityGroupId SecurityGroupIds ServiceId ServiceIds " +
    "SnapshotId SnapshotIds SpotFleetRequestIds SpotInstanceRequestIds SubnetId SubnetIds TransitGatewayAttachmentId " +
    "TransitGatewayId TransitGatewayRouteTableId VolumeId VolumeIds VpcEndpointId VpcEndpointIds VpcId VpcIds " +
    "VpcPeeringConnectionId VpnConnectionId VpnGatewayId"
  ).split(" "),
);

/** Operations whose other ids are only where something leads to. */
const ec2Narrow: Readonly<Record<string, readonly string[]>> = {
  CreateRoute: ["RouteTableId"],
  ReplaceRoute: ["RouteTableId"],
  DeleteRoute: ["RouteTableId"],
  CreateTransitGatewayRoute: ["TransitGatewayRouteTableId"],
  DeleteTransitGatewayRoute: ["TransitGatewayRouteTableId"],
  ReplaceTransitGatewayRoute: ["TransitGatewayRouteTableId"],
  AssociateDhcpOptions: ["VpcId"],
  ModifyInstanceAttribute: ["InstanceId"],
  ModifyNetworkInterfaceAttribute: ["NetworkInterfaceId"],
  ModifyVpcEndpoint: ["VpcEndpointId"],
  DeleteLaunchTemplateVersions: ["LaunchTemplateId"],
};

/** Creates that change something which is there already; any other create only refers to what it names. */
const ec2Creates: Readonly<Record<string, readonly string[]>> = {
  CreateLaunchTemplateVersion: ["LaunchTemplateId"],
};

/** Members of other services whose values name one resource for good. */
const otherMembers: Readonly<Record<string, readonly string[]>> = {
  SecretsManager: ["SecretId"],
  KMS: ["KeyId"],
  S3: ["Bucket"],
  SSM: ["Name", "Names"],
};

const arn = /^arn:[\w-]+:/;

function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function ec2Targets(call: Call): string[] {
  const input = fieldsOf(call.input);
  const names =
    (call.kind === "create" ? (ec2Creates[call.operation] ?? []) : ec2Narrow[call.operation]) ??
    Object.keys(input).filter((name) => ec2Members.has(name));
  // Whatever is to be tagged by its id counts, also one of a form that nobody knows yet.
  return names.flatMap((name) => texts(input[name]).filter((id) => name === "Resources" || ec2Id.test(id)));
}

function otherTargets(call: Call): string[] {
  if (call.kind === "create") return [];
  const { service } = call.target;
  const input = fieldsOf(call.input);
  if (service === "SSM" && !/Parameter/.test(call.operation)) return [];
  if (service === "S3" && !/Bucket/.test(call.operation)) return []; // an object is not its bucket
  const named = (otherMembers[service] ?? []).flatMap((name) => texts(input[name]));
  const arns = Object.values(input).flatMap((value) => texts(value).filter((text) => arn.test(text)));
  const found = [...named, ...(otherMembers[service] === undefined ? arns : [])];
  return found.filter((id) => !/^alias\/|:alias\//.test(id)); // an alias can be pointed elsewhere
}

/** Immutable ids of the resources that a call changes, without repetition. */
export function targetsOf(call: Call): readonly string[] {
  const found = call.target.service === "EC2" ? ec2Targets(call) : otherTargets(call);
  return found.length < 2 ? found : [...new Set(found)];
}
