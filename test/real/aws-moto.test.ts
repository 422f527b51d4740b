import {
  AuthorizeSecurityGroupIngressCommand,
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeVpcsCommand,
  EC2Client,
  paginateDescribeInstances,
  RunInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
} from "@aws-sdk/client-ec2";
import { CreateKeyCommand, EncryptCommand, KMSClient, ListResourceTagsCommand } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import {
  DeleteParameterCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { aws } from "provider-guard/aws";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type GuardedRun, guardedRun, stranger, subject } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

describeWithMoto("the unmodified AWS SDK against moto, guarded", (program) => {
  let moto: Moto;
  let run: GuardedRun;

  const config = () => ({
    endpoint: moto.url,
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  });
  const guarded = <C extends object>(client: C) => run.guard.wrap(client as never, aws()) as C;
  const ours = { Key: "provider-guard/cluster-uid", Value: subject.cluster.uid };
  const oursOnMachine = { Key: "provider-guard/machine-uid", Value: subject.machine?.uid };

  beforeAll(async () => {
    moto = await startMoto(program);
  });
  afterAll(() => moto?.stop());
  beforeEach(async () => {
    await fetch(`${moto.url}/moto-api/reset`, { method: "POST" });
    run = await guardedRun();
  });
  afterEach(() => run?.clean());

  async function network(ec2: EC2Client) {
    const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
    const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.0.1.0/24" }));
    const group = { GroupName: "machines", Description: "machines", VpcId: Vpc?.VpcId };
    const { GroupId } = await ec2.send(new CreateSecurityGroupCommand(group));
    return { vpc: Vpc?.VpcId as string, subnet: Subnet?.SubnetId as string, group: GroupId as string };
  }

  const launch = (subnet: string, group: string) =>
    new RunInstancesCommand({
      ImageId: "ami-12345678",
      InstanceType: "t3.micro",
      MinCount: 1,
      MaxCount: 1,
      SubnetId: subnet,
      SecurityGroupIds: [group],
      UserData: Buffer.from("canary-user-data").toString("base64"),
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "blue-1" }] }],
    });

  it("makes a machine that carries its owner, requires IMDSv2, and can be found and ended", async () => {
    const ec2 = guarded(new EC2Client(config()));
    await run.guard.reconcile(subject, async () => {
      const { vpc, subnet, group } = await network(ec2);
      const rule = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "10.0.0.0/8" }] };
      await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: group, IpPermissions: [rule] }));
      const { Instances } = await ec2.send(launch(subnet, group));
      const InstanceIds = [Instances?.[0]?.InstanceId as string];
      await waitUntilInstanceRunning({ client: ec2, minDelay: 1, maxWaitTime: 30 }, { InstanceIds });

      const pages = [];
      for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 5 }, {})) pages.push(page);
      const machine = pages[0]?.Reservations?.[0]?.Instances?.[0];
      expect(machine?.Tags).toEqual(expect.arrayContaining([ours, oursOnMachine, { Key: "Name", Value: "blue-1" }]));
      expect(machine?.MetadataOptions).toMatchObject({ HttpTokens: "required", HttpPutResponseHopLimit: 1 });

      const { Vpcs } = await ec2.send(new DescribeVpcsCommand({ VpcIds: [vpc] }));
      expect(Vpcs?.[0]?.Tags).toEqual(expect.arrayContaining([ours]));
      await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
      const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds }));
      expect(Reservations?.[0]?.Instances?.[0]?.State?.Name).toBe("terminated");
    });

    const { verification, records, text } = await run.finish();
    expect(verification).toMatchObject({ ok: true, unfinished: 0 });
    const intents = records.filter((record) => record.type === "intent").map(({ operation }) => operation);
    expect(intents).toEqual(
      "CreateVpc CreateSubnet CreateSecurityGroup AuthorizeSecurityGroupIngress RunInstances TerminateInstances".split(
        " ",
      ),
    );
    const outcomes = records.filter((record) => record.type === "outcome");
    const requestIds = outcomes.flatMap(({ attempts }) => attempts.map(({ requestId }) => requestId));
    expect(new Set(requestIds).size).toBe(6);
    expect(requestIds).not.toContain(undefined);
    expect(text).not.toContain(Buffer.from("canary-user-data").toString("base64"));
    expect(text).toContain("ami-12345678");
  });

  it("tags what a launch template launches, and requires IMDSv2 there", async () => {
    const ec2 = guarded(new EC2Client(config()));
    const made = await run.guard.reconcile(subject, () =>
      ec2.send(
        new CreateLaunchTemplateCommand({ LaunchTemplateName: "t", LaunchTemplateData: { ImageId: "ami-12345678" } }),
      ),
    );
    const { LaunchTemplateId } = made.LaunchTemplate ?? {};
    const { LaunchTemplateVersions } = await ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId }));
    const data = LaunchTemplateVersions?.[0]?.LaunchTemplateData;
    expect(data?.MetadataOptions).toMatchObject({ HttpTokens: "required", HttpPutResponseHopLimit: 1 });
    for (const type of ["instance", "volume"]) {
      const specification = data?.TagSpecifications?.find(({ ResourceType }) => ResourceType === type);
      expect(specification?.Tags).toContainEqual(ours);
    }
  });

  it("keeps a cluster away from another's machine, also one that it never saw", async () => {
    const first = guarded(new EC2Client(config()));
    const { Instances } = await run.guard.reconcile(subject, async () => {
      const { subnet, group } = await network(first);
      return first.send(launch(subnet, group));
    });
    const InstanceIds = [Instances?.[0]?.InstanceId as string];
    await run.clean();

    run = await guardedRun(); // a controller that has only just started: it must ask the cloud
    const second = guarded(new EC2Client(config()));
    const end = () => second.send(new TerminateInstancesCommand({ InstanceIds }));
    await expect(run.guard.reconcile(stranger, end)).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    await expect(run.guard.reconcile(subject, end)).resolves.toBeDefined();
  });

  it("makes nothing outside a reconcile", async () => {
    const ec2 = guarded(new EC2Client(config()));
    const make = ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
    await expect(make).rejects.toMatchObject({ code: "ERR_OWNER_MISSING" });
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({}));
    expect(Vpcs?.every(({ IsDefault }) => IsDefault)).toBe(true);
  });

  it("assumes a role outside a reconcile: it makes nothing", async () => {
    const sts = guarded(new STSClient(config()));
    const role = { RoleArn: "arn:aws:iam::123456789012:role/r", RoleSessionName: "s" };
    const { Credentials } = await sts.send(new AssumeRoleCommand(role));
    expect(Credentials?.SessionToken).toBeTruthy();
    expect((await sts.send(new GetCallerIdentityCommand({}))).Account).toBe("123456789012");
    const { text } = await run.finish();
    expect(text).not.toContain(Credentials?.SessionToken);
  });

  it("tags objects, and streams and presigns as before", async () => {
    const s3 = guarded(new S3Client({ ...config(), forcePathStyle: true }));
    await run.guard.reconcile(subject, async () => {
      await s3.send(new CreateBucketCommand({ Bucket: "ignition" }));
      await s3.send(new PutObjectCommand({ Bucket: "ignition", Key: "blue-1", Body: "canary-object", Tagging: "a=b" }));
    });
    const object = { Bucket: "ignition", Key: "blue-1" };
    expect((await s3.send(new GetObjectTaggingCommand(object))).TagSet).toEqual(
      expect.arrayContaining([ours, { Key: "a", Value: "b" }]),
    );
    const { Body } = await s3.send(new GetObjectCommand(object));
    expect(await Body?.transformToString()).toBe("canary-object");
    const answer = await fetch(await getSignedUrl(s3, new GetObjectCommand(object)));
    expect(await answer.text()).toBe("canary-object");
    expect((await run.finish()).text).not.toContain("canary-object");
  });

  it("tags secrets and parameters, and lets their owner alone delete them", async () => {
    const secrets = guarded(new SecretsManagerClient(config()));
    const parameters = guarded(new SSMClient(config()));
    await run.guard.reconcile(subject, async () => {
      await secrets.send(new CreateSecretCommand({ Name: "bootstrap", SecretString: "canary-secret" }));
      await parameters.send(new PutParameterCommand({ Name: "/boot/0", Value: "canary-value", Type: "SecureString" }));
    });
    expect((await secrets.send(new DescribeSecretCommand({ SecretId: "bootstrap" }))).Tags).toContainEqual(ours);
    const question = { ResourceType: "Parameter", ResourceId: "/boot/0" } as const;
    expect((await parameters.send(new ListTagsForResourceCommand(question))).TagList).toContainEqual(ours);
    expect((await secrets.send(new GetSecretValueCommand({ SecretId: "bootstrap" }))).SecretString).toBe(
      "canary-secret",
    );

    const remove = async () => {
      await secrets.send(new DeleteSecretCommand({ SecretId: "bootstrap", ForceDeleteWithoutRecovery: true }));
      await parameters.send(new DeleteParameterCommand({ Name: "/boot/0" }));
    };
    await expect(run.guard.reconcile(stranger, remove)).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    await run.guard.reconcile(subject, remove);
    const { verification, text } = await run.finish();
    expect(verification).toMatchObject({ ok: true, unfinished: 0 });
    expect(text).not.toContain("canary-");
  });

  it("tags keys, and encrypts outside a reconcile", async () => {
    const kms = guarded(new KMSClient(config()));
    const { KeyMetadata } = await run.guard.reconcile(subject, () => kms.send(new CreateKeyCommand({})));
    const KeyId = KeyMetadata?.KeyId as string;
    const { Tags } = await kms.send(new ListResourceTagsCommand({ KeyId }));
    expect(Tags).toContainEqual({ TagKey: ours.Key, TagValue: ours.Value });
    const Plaintext = Buffer.from("canary-plaintext");
    expect((await kms.send(new EncryptCommand({ KeyId, Plaintext }))).CiphertextBlob).toBeDefined();
    expect((await run.finish()).text).not.toContain("canary-");
  });
});
