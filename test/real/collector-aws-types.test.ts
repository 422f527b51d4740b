import * as ec2Sdk from "@aws-sdk/client-ec2";
import * as elbSdk from "@aws-sdk/client-elastic-load-balancing";
import * as elbv2Sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import * as secretsSdk from "@aws-sdk/client-secrets-manager";
import * as ssmSdk from "@aws-sdk/client-ssm";
import { plainTags } from "provider-guard";
import { aws, awsInventory } from "provider-guard/aws";
import type { GarbageInventory, GarbageItem } from "provider-guard/garbage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GuardedRun, guardedRun, subject } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

const region = "eu-central-1";
const owner = { managementCluster: "6f9c2a51-7d0e-4a3b", provider: "infrastructure-test", ...subject };
const tags = Object.entries(plainTags.encode(owner, Date.now(), "intent-1")).map(([Key, Value]) => ({ Key, Value }));
const { signal } = new AbortController();

/** Where moto does otherwise than AWS: what is shown of these is only what moto can show. */
const motoLacks = {
  /** CreateTags is taken, and a launch template shows nothing of it. */
  tagsOf: new Set(["launch-template"]),
  /** DeleteKeyPair knows names alone, and answers 200 to an id; a launch template that is gone is an empty list, not an error. */
  deletionOf: new Set(["key-pair", "launch-template"]),
  /** DeleteVpcEndpoints answers 500. */
  anyDeletionOf: new Set(["vpc-endpoint"]),
};

describeWithMoto("what the AWS inventory shows and deletes, on moto", (python) => {
  let moto: Moto;
  let run: GuardedRun;
  let inventory: GarbageInventory;
  let ec2: ec2Sdk.EC2Client;
  let clients: {
    elb: elbSdk.ElasticLoadBalancingClient;
    elbv2: elbv2Sdk.ElasticLoadBalancingV2Client;
    secrets: secretsSdk.SecretsManagerClient;
    ssm: ssmSdk.SSMClient;
  };

  beforeAll(async () => {
    moto = await startMoto(python);
    run = await guardedRun({ rateLimit: false });
    const config = { endpoint: moto.url, region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
    ec2 = new ec2Sdk.EC2Client(config);
    clients = {
      elb: new elbSdk.ElasticLoadBalancingClient(config),
      elbv2: new elbv2Sdk.ElasticLoadBalancingV2Client(config),
      secrets: new secretsSdk.SecretsManagerClient(config),
      ssm: new ssmSdk.SSMClient(config),
    };
    const { guard } = run;
    inventory = awsInventory({
      account: "123456789012",
      region,
      pageSize: 5,
      clients: {
        ec2: guard.wrap(new ec2Sdk.EC2Client(config), aws()),
        elasticLoadBalancing: guard.wrap(new elbSdk.ElasticLoadBalancingClient(config), aws()),
        elasticLoadBalancingV2: guard.wrap(new elbv2Sdk.ElasticLoadBalancingV2Client(config), aws()),
        secretsManager: guard.wrap(new secretsSdk.SecretsManagerClient(config), aws()),
        ssm: guard.wrap(new ssmSdk.SSMClient(config), aws()),
      },
    });
  });
  afterAll(async () => {
    await run?.clean();
    await moto?.stop();
  });

  const tagged = (ResourceType: string) => ({
    TagSpecifications: [{ ResourceType: ResourceType as never, Tags: tags }],
  });
  const vpcOf = async () => {
    const { Vpc } = await ec2.send(new ec2Sdk.CreateVpcCommand({ CidrBlock: "10.0.0.0/16", ...tagged("vpc") }));
    return Vpc?.VpcId as string;
  };
  const subnetOf = async (zone = "a") => {
    const VpcId = await vpcOf();
    const input = { VpcId, CidrBlock: "10.0.1.0/24", AvailabilityZone: `${region}${zone}`, ...tagged("subnet") };
    return (await ec2.send(new ec2Sdk.CreateSubnetCommand(input))).Subnet?.SubnetId as string;
  };
  const addressOf = async () =>
    (await ec2.send(new ec2Sdk.AllocateAddressCommand({ Domain: "vpc", ...tagged("elastic-ip") })))
      .AllocationId as string;

  const make: Record<string, () => Promise<string | undefined>> = {
    instance: async () =>
      (
        await ec2.send(
          new ec2Sdk.RunInstancesCommand({ ImageId: "ami-12345678", MinCount: 1, MaxCount: 1, ...tagged("instance") }),
        )
      ).Instances?.[0]?.InstanceId,
    "launch-template": async () => {
      const input = {
        LaunchTemplateName: "t",
        LaunchTemplateData: { ImageId: "ami-12345678" },
        ...tagged("launch-template"),
      };
      return (await ec2.send(new ec2Sdk.CreateLaunchTemplateCommand(input))).LaunchTemplate?.LaunchTemplateId;
    },
    "key-pair": async () =>
      (await ec2.send(new ec2Sdk.CreateKeyPairCommand({ KeyName: "k", ...tagged("key-pair") }))).KeyPairId,
    volume: async () =>
      (await ec2.send(new ec2Sdk.CreateVolumeCommand({ Size: 1, AvailabilityZone: `${region}a`, ...tagged("volume") })))
        .VolumeId,
    snapshot: async () => {
      const { VolumeId } = await ec2.send(new ec2Sdk.CreateVolumeCommand({ Size: 1, AvailabilityZone: `${region}a` }));
      return (await ec2.send(new ec2Sdk.CreateSnapshotCommand({ VolumeId, ...tagged("snapshot") }))).SnapshotId;
    },
    "nat-gateway": async () => {
      const input = { SubnetId: await subnetOf(), AllocationId: await addressOf(), ...tagged("natgateway") };
      return (await ec2.send(new ec2Sdk.CreateNatGatewayCommand(input))).NatGateway?.NatGatewayId;
    },
    "vpc-endpoint": async () => {
      const input = { VpcId: await vpcOf(), ServiceName: `com.amazonaws.${region}.s3`, ...tagged("vpc-endpoint") };
      return (await ec2.send(new ec2Sdk.CreateVpcEndpointCommand(input))).VpcEndpoint?.VpcEndpointId;
    },
    "network-interface": async () => {
      const input = { SubnetId: await subnetOf(), ...tagged("network-interface") };
      return (await ec2.send(new ec2Sdk.CreateNetworkInterfaceCommand(input))).NetworkInterface?.NetworkInterfaceId;
    },
    "elastic-ip": addressOf,
    "security-group": async () => {
      const input = { GroupName: "g", Description: "d", VpcId: await vpcOf(), ...tagged("security-group") };
      return (await ec2.send(new ec2Sdk.CreateSecurityGroupCommand(input))).GroupId;
    },
    "network-acl": async () => {
      const input = { VpcId: await vpcOf(), ...tagged("network-acl") };
      return (await ec2.send(new ec2Sdk.CreateNetworkAclCommand(input))).NetworkAcl?.NetworkAclId;
    },
    subnet: () => subnetOf(),
    "route-table": async () => {
      const input = { VpcId: await vpcOf(), ...tagged("route-table") };
      return (await ec2.send(new ec2Sdk.CreateRouteTableCommand(input))).RouteTable?.RouteTableId;
    },
    "internet-gateway": async () => {
      const { InternetGateway } = await ec2.send(new ec2Sdk.CreateInternetGatewayCommand(tagged("internet-gateway")));
      const InternetGatewayId = InternetGateway?.InternetGatewayId;
      await ec2.send(new ec2Sdk.AttachInternetGatewayCommand({ InternetGatewayId, VpcId: await vpcOf() }));
      return InternetGatewayId;
    },
    vpc: vpcOf,
    "load-balancer": async () => {
      const VpcId = await vpcOf();
      const Subnets: string[] = [];
      for (const [index, zone] of ["a", "b"].entries()) {
        const input = { VpcId, CidrBlock: `10.0.${index}.0/24`, AvailabilityZone: `${region}${zone}` };
        Subnets.push((await ec2.send(new ec2Sdk.CreateSubnetCommand(input))).Subnet?.SubnetId as string);
      }
      const input = { Name: "b", Subnets, Tags: tags };
      return (await clients.elbv2.send(new elbv2Sdk.CreateLoadBalancerCommand(input))).LoadBalancers?.[0]
        ?.LoadBalancerArn;
    },
    "target-group": async () => {
      const input = { Name: "t", Protocol: "TCP" as const, Port: 6443, VpcId: await vpcOf(), Tags: tags };
      return (await clients.elbv2.send(new elbv2Sdk.CreateTargetGroupCommand(input))).TargetGroups?.[0]?.TargetGroupArn;
    },
    "classic-load-balancer": async () => {
      const Listeners = [{ Protocol: "TCP", LoadBalancerPort: 6443, InstancePort: 6443 }];
      const input = { LoadBalancerName: "classic", Listeners, AvailabilityZones: [`${region}a`], Tags: tags };
      await clients.elb.send(new elbSdk.CreateLoadBalancerCommand(input));
      return "classic";
    },
    secret: async () =>
      (
        await clients.secrets.send(
          new secretsSdk.CreateSecretCommand({ Name: "bootstrap", SecretString: "x", Tags: tags }),
        )
      ).ARN,
    parameter: async () => {
      await clients.ssm.send(
        new ssmSdk.PutParameterCommand({ Name: "/bootstrap/one", Value: "x", Type: "String", Tags: tags }),
      );
      return "/bootstrap/one";
    },
  };

  async function all(type: string): Promise<{ items: GarbageItem[]; pages: number }> {
    const items: GarbageItem[] = [];
    let pages = 0;
    for await (const page of inventory.list(type, { signal })) {
      items.push(...page.items);
      pages++;
    }
    return { items, pages };
  }

  it("knows the types that the tests make", () => {
    expect(Object.keys(make).sort()).toEqual(inventory.types.map(({ name }) => name).sort());
  });

  describe.each(Object.keys(make))("%s", (type) => {
    it("is listed with its tags, read, marked by a tag, deleted, and then not there any more", async () => {
      const id = (await make[type]?.()) as string;
      expect(id).toBeTruthy();
      const listed = (await all(type)).items.find((item) => item.id === id);
      expect(listed?.tags).toMatchObject({ "provider-guard/cluster-uid": subject.cluster.uid });
      const read = await inventory.read({ type, id }, { signal });
      expect(read).toMatchObject({ id, type, tags: listed?.tags as object });
      await inventory.tag?.(read as GarbageItem, "provider-guard-unlinked-since", "2026-11-01T00:00:00Z", { signal });
      if (!motoLacks.tagsOf.has(type)) {
        const marked = (await inventory.read({ type, id }, { signal }))?.tags;
        expect(marked).toMatchObject({ "provider-guard-unlinked-since": "2026-11-01T00:00:00Z" });
      }
      await inventory.tag?.(read as GarbageItem, "provider-guard-unlinked-since", undefined, { signal });
      expect(await inventory.read({ type, id }, { signal })).toEqual(read);
      if (motoLacks.anyDeletionOf.has(type)) return;
      expect(["deleted", "deleting"]).toContain(await inventory.delete(read as GarbageItem, { signal }));
      if (motoLacks.deletionOf.has(type)) return;
      expect(await inventory.read({ type, id }, { signal })).toBeUndefined();
      expect((await all(type)).items.map((item) => item.id)).not.toContain(id);
      expect(["gone", "deleting", "deleted"]).toContain(await inventory.delete(read as GarbageItem, { signal }));
    });
  });

  it("reads a list to its last page", async () => {
    const ids: (string | undefined)[] = [];
    for (let made = 0; made < 12; made++) ids.push(await make.instance?.()); // pages are of reservations
    const { items, pages } = await all("instance");
    expect(items.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(pages).toBe(3);
  });
});
