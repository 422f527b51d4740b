import { type Fields, listOf, textOf } from "./describe.ts";

/** How one type of EC2 is listed and deleted. */
export interface Ec2Type {
  readonly name: string;
  readonly holdsData: boolean;
  readonly after: readonly string[];
  /** Name of the command that lists, without `Command`. */
  readonly list: string;
  /** Further input of the list. */
  readonly input?: Fields;
  /** Where the answer has the resources. */
  readonly items: string;
  readonly id: string;
  /** What the list takes ids in. @defaultValue the id's field and an `s` */
  readonly ids?: string;
  readonly created?: string;
  readonly remove: string;
  /** Where the answer has the state, and which of them mean that it is going or gone. */
  readonly state?: { readonly field: string; readonly gone: readonly string[] };
  /** Whether `MaxResults` cannot be said, because everything comes at once. */
  readonly unpaged?: true;
  /** Why the cloud itself keeps it. */
  readonly keeps?: (item: Fields) => string | undefined;
}

const attached = ({ Attachment, AssociationId, Attachments, InUse }: Fields): string | undefined =>
  Attachment !== undefined || AssociationId !== undefined || InUse === true || listOf(Attachments).length > 0
    ? "it is attached"
    : undefined;

const managed = (item: Fields): string | undefined =>
  item.RequesterManaged === true || textOf(item.OwnedByService) !== undefined
    ? "a service of AWS manages it"
    : attached(item);

const ofDefault =
  (field: string) =>
  (item: Fields): string | undefined =>
    item[field] === true ? "it belongs to the default VPC" : undefined;

const usesNetwork = ["instance", "nat-gateway", "vpc-endpoint", "network-interface"];

/** The types of EC2, each after those that have to be gone before. */
export const ec2Types: readonly Ec2Type[] = [
  {
    name: "instance",
    holdsData: false,
    after: [],
    list: "DescribeInstances",
    items: "Instances",
    id: "InstanceId",
    created: "LaunchTime",
    remove: "TerminateInstances",
    state: { field: "State", gone: ["shutting-down", "terminated"] },
  },
  {
    name: "launch-template",
    holdsData: false,
    after: [],
    list: "DescribeLaunchTemplates",
    items: "LaunchTemplates",
    id: "LaunchTemplateId",
    created: "CreateTime",
    remove: "DeleteLaunchTemplate",
  },
  {
    name: "key-pair",
    holdsData: false,
    after: [],
    list: "DescribeKeyPairs",
    items: "KeyPairs",
    id: "KeyPairId",
    created: "CreateTime",
    remove: "DeleteKeyPair",
    unpaged: true,
  },
  {
    name: "snapshot",
    holdsData: true,
    after: [],
    list: "DescribeSnapshots",
    input: { OwnerIds: ["self"] },
    items: "Snapshots",
    id: "SnapshotId",
    created: "StartTime",
    remove: "DeleteSnapshot",
  },
  {
    name: "volume",
    holdsData: true,
    after: ["instance"],
    list: "DescribeVolumes",
    items: "Volumes",
    id: "VolumeId",
    created: "CreateTime",
    remove: "DeleteVolume",
    state: { field: "State", gone: ["deleting", "deleted"] },
  },
  {
    name: "nat-gateway",
    holdsData: false,
    after: ["instance"],
    list: "DescribeNatGateways",
    items: "NatGateways",
    id: "NatGatewayId",
    created: "CreateTime",
    remove: "DeleteNatGateway",
    state: { field: "State", gone: ["deleting", "deleted"] },
  },
  {
    name: "vpc-endpoint",
    holdsData: false,
    after: ["instance"],
    list: "DescribeVpcEndpoints",
    items: "VpcEndpoints",
    id: "VpcEndpointId",
    created: "CreationTimestamp",
    remove: "DeleteVpcEndpoints",
    state: { field: "State", gone: ["deleting", "deleted", "Deleting", "Deleted"] },
    keeps: managed,
  },
  {
    name: "network-interface",
    holdsData: false,
    after: ["instance", "nat-gateway", "vpc-endpoint"],
    list: "DescribeNetworkInterfaces",
    items: "NetworkInterfaces",
    id: "NetworkInterfaceId",
    remove: "DeleteNetworkInterface",
    keeps: managed,
  },
  {
    name: "elastic-ip",
    holdsData: false,
    after: ["instance", "nat-gateway", "network-interface"],
    list: "DescribeAddresses",
    items: "Addresses",
    id: "AllocationId",
    remove: "ReleaseAddress",
    unpaged: true,
    keeps: attached,
  },
  {
    name: "security-group",
    holdsData: false,
    after: usesNetwork,
    list: "DescribeSecurityGroups",
    items: "SecurityGroups",
    id: "GroupId",
    remove: "DeleteSecurityGroup",
    keeps: ({ GroupName }) => (GroupName === "default" ? "it is its VPC's default" : undefined),
  },
  {
    name: "network-acl",
    holdsData: false,
    after: usesNetwork,
    list: "DescribeNetworkAcls",
    items: "NetworkAcls",
    id: "NetworkAclId",
    remove: "DeleteNetworkAcl",
    keeps: ofDefault("IsDefault"),
  },
  {
    name: "subnet",
    holdsData: false,
    after: [...usesNetwork, "network-acl"],
    list: "DescribeSubnets",
    items: "Subnets",
    id: "SubnetId",
    remove: "DeleteSubnet",
    keeps: ofDefault("DefaultForAz"),
  },
  {
    name: "route-table",
    holdsData: false,
    after: [...usesNetwork, "subnet"],
    list: "DescribeRouteTables",
    items: "RouteTables",
    id: "RouteTableId",
    remove: "DeleteRouteTable",
    keeps: ({ Associations }) =>
      listOf(Associations).some(({ Main }) => Main === true) ? "it is its VPC's main one" : undefined,
  },
  {
    name: "internet-gateway",
    holdsData: false,
    after: [...usesNetwork, "elastic-ip"],
    list: "DescribeInternetGateways",
    items: "InternetGateways",
    id: "InternetGatewayId",
    remove: "DeleteInternetGateway",
  },
  {
    name: "vpc",
    holdsData: false,
    after: [...usesNetwork, "security-group", "network-acl", "subnet", "route-table", "internet-gateway"],
    list: "DescribeVpcs",
    items: "Vpcs",
    id: "VpcId",
    remove: "DeleteVpc",
    keeps: ofDefault("IsDefault"),
  },
];
