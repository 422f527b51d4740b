/**
 * What the reconcilers ask of Amazon EC2, through the SDK's own client. That it is guarded shows
 * nowhere here but in the tags by which things are found again: the guard puts them into each create.
 */
import * as sdk from "@aws-sdk/client-ec2";
import { type Guard, plainTags } from "provider-guard";
import type { AcmeMachine } from "./kinds.ts";

export interface LaunchOptions extends Pick<AcmeMachine["spec"], "imageId" | "instanceType" | "instanceProfile"> {
  /** The same for each try to make this machine. */
  readonly token: string;
  readonly name: string;
  readonly subnetId: string;
  readonly securityGroupId: string;
  readonly userData: Uint8Array;
}

export type Ec2 = ReturnType<typeof ec2Calls>;

/** The SDK's errors are named by EC2's codes. */
async function unless<T>(code: RegExp, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && code.test(error.name)) return undefined;
    throw error;
  }
}

function found<T>(answer: T | undefined): T {
  if (answer === undefined) throw new Error("EC2 answered without what it made");
  return answer;
}

export function ec2Calls(ec2: sdk.EC2Client, guard: Guard) {
  /** By names: those last when a cluster moves to another management cluster, and UIDs do not. */
  const named = () =>
    Object.entries(plainTags.encode(guard.owner(), 0, ""))
      .filter(([key]) => /(\/provider|-namespace|-name)$/.test(key))
      .map(([key, value]): sdk.Filter => ({ Name: `tag:${key}`, Values: [value] }));

  return {
    /** The cluster's security group, by the owner tags. */
    async findGroup(vpcId: string): Promise<sdk.SecurityGroup | undefined> {
      const Filters = [...named(), { Name: "vpc-id", Values: [vpcId] }];
      return (await ec2.send(new sdk.DescribeSecurityGroupsCommand({ Filters }))).SecurityGroups?.[0];
    },
    async createGroup(name: string, vpcId: string): Promise<sdk.SecurityGroup> {
      const input = { GroupName: name, Description: "Machines of a Cluster API cluster", VpcId: vpcId };
      const { GroupId } = await ec2.send(new sdk.CreateSecurityGroupCommand(input));
      return { GroupId: found(GroupId) };
    },
    /** Lets the machines talk to each other, and these networks to the API server. */
    async openGroup({ GroupId, IpPermissions: open = [] }: sdk.SecurityGroup, port: number, cidrs: readonly string[]) {
      const isOpen = open.some(({ UserIdGroupPairs = [] }) => UserIdGroupPairs.some((one) => one.GroupId === GroupId));
      const among: sdk.IpPermission[] = isOpen ? [] : [{ IpProtocol: "-1", UserIdGroupPairs: [{ GroupId }] }];
      const known = open.filter(({ FromPort }) => FromPort === port).flatMap(({ IpRanges = [] }) => IpRanges);
      const missing = cidrs.filter((cidr) => !known.some(({ CidrIp }) => CidrIp === cidr));
      const toServer = { IpProtocol: "tcp", FromPort: port, ToPort: port };
      const IpPermissions = [...among, ...missing.map((CidrIp) => ({ ...toServer, IpRanges: [{ CidrIp }] }))];
      if (IpPermissions.length === 0) return;
      const asked = ec2.send(new sdk.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
      await unless(/^InvalidPermission\.Duplicate$/, asked);
    },
    async deleteGroup(GroupId: string) {
      await unless(/\.NotFound$/, ec2.send(new sdk.DeleteSecurityGroupCommand({ GroupId })));
    },
    /** The machine's instance: the one that is named, else by the owner tags. Also one that was terminated. */
    async findInstance(providerID?: string) {
      const input = providerID === undefined ? { Filters: named() } : { InstanceIds: providerID.split("/").slice(-1) };
      const answer = await unless(/\.NotFound$/, ec2.send(new sdk.DescribeInstancesCommand(input)));
      const all = answer?.Reservations?.flatMap(({ Instances = [] }) => Instances) ?? [];
      const isOwn = ({ Tags = [] }: sdk.Instance) => Tags.some(({ Value }) => Value === guard.owner().machine?.uid);
      const alive = all.filter(({ State }) => State?.Name !== "terminated");
      return alive.find(isOwn) ?? alive[0] ?? all.find(isOwn);
    },
    async launch({ token, name, subnetId, securityGroupId, userData, ...spec }: LaunchOptions) {
      const command = new sdk.RunInstancesCommand({
        // What was launched a moment ago may not be listed yet: EC2 itself refuses to make a second one.
        ClientToken: token,
        ImageId: spec.imageId,
        InstanceType: spec.instanceType as never,
        ...(spec.instanceProfile && { IamInstanceProfile: { Name: spec.instanceProfile } }),
        MinCount: 1,
        MaxCount: 1,
        SubnetId: subnetId,
        SecurityGroupIds: [securityGroupId],
        UserData: Buffer.from(userData).toString("base64"),
        MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
        TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: name }] }],
      });
      return found((await ec2.send(command)).Instances?.[0]);
    },
    async terminate(instanceId: string) {
      await unless(/\.NotFound$/, ec2.send(new sdk.TerminateInstancesCommand({ InstanceIds: [instanceId] })));
    },
    /** Has the tags of what was found name its present owner. The guard refuses where it was never told of the one before. */
    async adopt(id = "", tags: readonly sdk.Tag[] = []) {
      const before = plainTags.decode(Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value])));
      if (before === undefined || before.clusterUid === guard.owner().cluster?.uid) return; // nobody's, or ours
      const { createdAt = 0, intent = "lost" } = before;
      const after = Object.entries(plainTags.encode(guard.owner(), createdAt * 1000, intent));
      const Tags = after.map(([Key, Value]) => ({ Key, Value }));
      await ec2.send(new sdk.CreateTagsCommand({ Resources: [id], Tags }));
    },
  };
}
