/**
 * The controller's cloud on Amazon EC2, through the unmodified client of the AWS SDK v3. Nothing in
 * here knows of the guard: tags, tokens, limits and the audit log come from the wrapped client.
 */
import {
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  DescribeInstancesCommand,
  type EC2Client,
  type ResourceType,
  RunInstancesCommand,
  type TagSpecification,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { ObjectRef } from "provider-guard";
import type { Cloud } from "./cloud.ts";

const named = (type: ResourceType, { name }: ObjectRef): TagSpecification[] => [
  { ResourceType: type, Tags: [{ Key: "Name", Value: name }] },
];

/** Whether EC2 says that there is no such thing (`InvalidVpcID.NotFound` and its like). */
const isGone = (error: unknown) => /\.NotFound$/.test((error as { name?: string }).name ?? "");

async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function idOf(id: string | undefined): string {
  if (id === undefined) throw new Error("EC2 answered without an id");
  return id;
}

export function ec2Cloud(ec2: EC2Client, image: string): Cloud {
  return {
    parts: ["vpc", "subnet", "security-group"],
    async createPart(part, cluster) {
      const VpcId = cluster.status.parts.vpc;
      if (part === "vpc") {
        const input = { CidrBlock: "10.0.0.0/16", TagSpecifications: named("vpc", cluster) };
        return idOf((await ec2.send(new CreateVpcCommand(input))).Vpc?.VpcId);
      }
      if (part === "subnet") {
        const input = { VpcId, CidrBlock: "10.0.0.0/24", TagSpecifications: named("subnet", cluster) };
        return idOf((await ec2.send(new CreateSubnetCommand(input))).Subnet?.SubnetId);
      }
      const input = {
        VpcId,
        GroupName: `${cluster.name}-nodes`,
        Description: `Nodes of ${cluster.name}`,
        TagSpecifications: named("security-group", cluster),
      };
      return idOf((await ec2.send(new CreateSecurityGroupCommand(input))).GroupId);
    },
    async deletePart(part, id) {
      if (part === "vpc") await unlessGone(ec2.send(new DeleteVpcCommand({ VpcId: id })));
      else if (part === "subnet") await unlessGone(ec2.send(new DeleteSubnetCommand({ SubnetId: id })));
      else await unlessGone(ec2.send(new DeleteSecurityGroupCommand({ GroupId: id })));
    },
    async createMachine(machine, { status: { parts } }) {
      const command = new RunInstancesCommand({
        ImageId: image,
        InstanceType: "t3.small",
        MinCount: 1,
        MaxCount: 1,
        SubnetId: parts.subnet,
        SecurityGroupIds: [parts["security-group"] ?? ""],
        UserData: Buffer.from(`#cloud-config\n# what only ${machine.name} may read\n`).toString("base64"),
        TagSpecifications: named("instance", machine),
      });
      return idOf((await ec2.send(command)).Instances?.[0]?.InstanceId);
    },
    async machineState(id) {
      const answer = await unlessGone(ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] })));
      switch (answer?.Reservations?.[0]?.Instances?.[0]?.State?.Name) {
        case "pending":
          return "starting";
        case "running":
          return "running";
        case undefined:
        case "terminated":
          return "gone";
        default:
          return "stopping";
      }
    },
    async deleteMachine(id) {
      await unlessGone(ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] })));
    },
  };
}
