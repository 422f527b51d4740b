/**
 * Endings of member names whose values are worth an audit record and hold no secret: ids, names,
 * kinds, counts, places, times. Names with the sensitive trait are taken out before this is asked.
 */
const ending =
  /(?:Id|Ids|Arn|Arns|Name|Names|Type|Types|State|States|Status|Statuses|Zone|Zones|Region|Regions|Cidr|Cidrs|CidrBlock|CidrBlocks|Cidr[Ii]p|CidrIpv6|Port|Ports|Protocol|Protocols|Count|Size|Limit|Capacity|Iops|Throughput|Version|Versions|Engine|Class|Mode|Kind|Scheme|Direction|Action|Owner|Owners|Date|Time|Days|Seconds|Minutes|Period|Percentage|Priority|Weight|Bucket|Path|Prefix|MaxResults|MaxItems|DryRun|Enabled|Optimized|Termination|Encrypted|Force|Recursive|Tenancy|Affinity|HttpTokens|HttpEndpoint|HopLimit|Egress|Monitoring|Resources|ResourceType|Domain|Family|Architecture|VirtualizationType|Platform|Format|Algorithm|Usage|Tier)$/;
const exact = new Set(["Key", "TagKey", "key", "Tags", "tags", "Name"]);
const value = /^(?:tag)?values?$/i;
const pair = /tag|filter/i;
const lowerEnding =
  /(?:Id|Ids|Arn|Arns|Name|Names|Type|Types|Status|Version|Count|Port|Protocol|Family|Mode|Size|Strategy|Cluster)$|^(?:name|arn|type|version|status|cluster|service|region|path|prefix)$/;

/**
 * Whether a member's name says that its value may be recorded.
 *
 * @param structure - What the structure around it is called: a `Value` is harmless in a tag or a filter alone.
 */
export function isPlainName(name: string, structure: string): boolean {
  if (value.test(name)) return pair.test(structure);
  return exact.has(name) || ending.test(name) || lowerEnding.test(name);
}

/** What may be recorded where no schema names the members: the commonest names in EC2 and its neighbours. */
export const commonPlainNames: readonly string[] = (
  "AllocationId AllocationIds AssociationId AvailabilityZone AvailabilityZoneId Bucket CapacityReservationId CidrBlock " +
  "CidrIp CidrIpv6 ClusterName Count DestinationCidrBlock DhcpOptionsId Domain DryRun Force FromPort FunctionName " +
  "GatewayId GroupId GroupIds GroupName HttpEndpoint HttpPutResponseHopLimit HttpTokens ImageId InstanceId InstanceIds " +
  "InstanceType InternetGatewayId IpProtocol KeyId KeyName KeyPairId KmsKeyId LaunchTemplateId LaunchTemplateName " +
  "LoadBalancerArn LoadBalancerName MaxCount MaxResults MinCount Name NatGatewayId NetworkAclId NetworkInterfaceId " +
  "ResourceType Resources RoleArn RoleName RouteTableId SecretId SecurityGroupIds SnapshotId SubnetId SubnetIds " +
  "TargetGroupArn ToPort TransitGatewayId VolumeId VolumeIds VolumeSize VolumeType VpcEndpointId VpcEndpointIds VpcId " +
  "VpcIds VpcPeeringConnectionId"
).split(" ");
