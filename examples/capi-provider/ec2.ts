/**
 * What the reconcilers ask of Amazon EC2, through the SDK's own client. That it is guarded shows
 * nowhere here but in the tags by which things are found again: the guard puts them into each create.
 */
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  type EC2Client,
  type Filter,
  type Instance,
  type IpPermission,
  RunInstancesCommand,
  type SecurityGroup,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { readErrorInfo } from "provider-guard";

export interface LaunchOptions {
  /** The same for each try to make this machine. */
  readonly token: string;
  readonly name: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly subnetId: string;
  readonly securityGroupId: string;
  readonly userData: Buffer;
}

export interface Ec2 {
  /** A cluster's security group, found by the owner tag. */
  findGroup(clusterUid: string): Promise<SecurityGroup | undefined>;
  createGroup(name: string, vpcId: string): Promise<SecurityGroup>;
  /** Lets the machines talk to each other, and these networks to the API server. */
  openGroup(group: SecurityGroup, port: number, apiServerCidrs: readonly string[]): Promise<void>;
  deleteGroup(groupId: string): Promise<void>;
  /** A machine's instance: by its id where that is known, else by the owner tag. Also one that was terminated. */
  findInstance(machineUid: string, instanceId?: string): Promise<Instance | undefined>;
  launch(options: LaunchOptions): Promise<Instance>;
  terminate(instanceId: string): Promise<void>;
}

const ownedBy = (what: "cluster" | "machine", uid: string): Filter => ({
  Name: `tag:provider-guard/${what}-uid`,
  Values: [uid],
});

async function unless<T>(code: RegExp, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (code.test(readErrorInfo(error).code ?? "")) return undefined;
    throw error;
  }
}

function found<T>(answer: T | undefined): T {
  if (answer === undefined) throw new Error("EC2 answered without what it made");
  return answer;
}

export function ec2Calls(ec2: EC2Client): Ec2 {
  return {
    async findGroup(clusterUid) {
      const answer = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: [ownedBy("cluster", clusterUid)] }));
      return answer.SecurityGroups?.[0];
    },
    async createGroup(name, vpcId) {
      const input = { GroupName: name, Description: "Machines of a Cluster API cluster", VpcId: vpcId };
      const { GroupId } = await ec2.send(new CreateSecurityGroupCommand(input));
      return { GroupId: found(GroupId) };
    },
    async openGroup({ GroupId, IpPermissions: open = [] }, port, apiServerCidrs) {
      const isOpen = open.some(({ UserIdGroupPairs = [] }) => UserIdGroupPairs.some((one) => one.GroupId === GroupId));
      const among: IpPermission[] = isOpen ? [] : [{ IpProtocol: "-1", UserIdGroupPairs: [{ GroupId }] }];
      const known = open.filter(({ FromPort }) => FromPort === port).flatMap(({ IpRanges = [] }) => IpRanges);
      const missing = apiServerCidrs.filter((cidr) => !known.some(({ CidrIp }) => CidrIp === cidr));
      const toServer = { IpProtocol: "tcp", FromPort: port, ToPort: port };
      const IpPermissions = [...among, ...missing.map((CidrIp) => ({ ...toServer, IpRanges: [{ CidrIp }] }))];
      if (IpPermissions.length === 0) return;
      const asked = ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
      await unless(/^InvalidPermission\.Duplicate$/, asked);
    },
    async deleteGroup(GroupId) {
      await unless(/\.NotFound$/, ec2.send(new DeleteSecurityGroupCommand({ GroupId })));
    },
    async findInstance(machineUid, instanceId) {
      const input =
        instanceId === undefined ? { Filters: [ownedBy("machine", machineUid)] } : { InstanceIds: [instanceId] };
      const answer = await unless(/\.NotFound$/, ec2.send(new DescribeInstancesCommand(input)));
      const all = answer?.Reservations?.flatMap(({ Instances = [] }) => Instances) ?? [];
      return all.find(({ State }) => State?.Name !== "terminated") ?? all[0];
    },
    async launch({ token, name, imageId, instanceType, subnetId, securityGroupId, userData }) {
      const command = new RunInstancesCommand({
        // What was launched a moment ago may not be listed yet: EC2 itself refuses to make a second one.
        ClientToken: token,
        ImageId: imageId,
        InstanceType: instanceType as never,
        MinCount: 1,
        MaxCount: 1,
        SubnetId: subnetId,
        SecurityGroupIds: [securityGroupId],
        UserData: userData.toString("base64"),
        TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: name }] }],
      });
      return found((await ec2.send(command)).Instances?.[0]);
    },
    async terminate(instanceId) {
      await unless(/\.NotFound$/, ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] })));
    },
  };
}
