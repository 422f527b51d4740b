import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { KMSClient } from "@aws-sdk/client-kms";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { aws } from "../../../adapters/aws/index.ts";
import { fakeCall, hook, ownerTags } from "./fake-port.ts";
import { ec2Answer, ec2Error, fakeWire, type WireAnswer, wired } from "./fake-wire.ts";

const adapter = aws();
const call = (name: string, input: unknown) => {
  const [service = "", operation = ""] = name.split(".");
  return fakeCall(adapter as never, { service, operation, input });
};
const targets = (name: string, input: unknown) => adapter.tags?.targets?.(call(name, input));
const seen = (name: string, output: unknown, input: unknown = {}) => [
  ...(adapter.tags?.seen?.(call(name, input), { response: {}, output }) ?? []),
];

describe("targets", () => {
  it("are the ids that an operation of EC2 changes", () => {
    const id = (kind: string) => `${kind}-0123456789abcdef0`;
    expect(targets("EC2.TerminateInstances", { InstanceIds: [id("i"), id("i")] })).toEqual([id("i")]);
    expect(targets("EC2.AttachVolume", { InstanceId: id("i"), VolumeId: id("vol"), Device: "x" })).toEqual([
      id("i"),
      id("vol"),
    ]);
    expect(targets("EC2.DeleteVpc", { VpcId: id("vpc") })).toEqual([id("vpc")]);
    expect(targets("EC2.ReleaseAddress", { AllocationId: id("eipalloc") })).toEqual([id("eipalloc")]);
    expect(targets("EC2.CreateTags", { Resources: [id("i"), id("subnet")] })).toEqual([id("i"), id("subnet")]);
    expect(targets("EC2.CreateTags", { Resources: ["Whatever", 5] })).toEqual(["Whatever"]); // it would be tagged
    expect(
      targets("EC2.CreateRoute", { RouteTableId: id("rtb"), GatewayId: id("igw"), NatGatewayId: id("nat") }),
    ).toEqual([id("rtb")]);
    expect(targets("EC2.ModifyInstanceAttribute", { InstanceId: id("i"), Groups: [id("sg")] })).toEqual([id("i")]);
    expect(targets("EC2.DeleteSecurityGroup", { GroupName: "by-name" })).toEqual([]);
    expect(targets("EC2.DeleteVpc", { VpcId: 5 })).toEqual([]);
    expect(targets("EC2.DeleteVpc", { VpcId: "by-name" })).toEqual([]);
    expect(targets("EC2.DeleteVpc", undefined)).toEqual([]);
  });

  it("are names and ARNs where those stay with one resource", () => {
    const arn = "arn:aws:secretsmanager:eu-central-1:1:secret:s-AbCdEf";
    expect(targets("SecretsManager.DeleteSecret", { SecretId: arn })).toEqual([arn]);
    expect(targets("SSM.DeleteParameters", { Names: ["/a", "/b"] })).toEqual(["/a", "/b"]);
    expect(targets("SSM.DeleteDocument", { Name: "doc" })).toEqual([]);
    expect(targets("S3.DeleteBucket", { Bucket: "b" })).toEqual(["b"]);
    expect(targets("S3.DeleteObject", { Bucket: "b", Key: "k" })).toEqual([]);
    expect(targets("KMS.ScheduleKeyDeletion", { KeyId: "alias/a" })).toEqual([]);
    expect(targets("KMS.ScheduleKeyDeletion", { KeyId: "1234abcd-12ab-34cd-56ef-1234567890ab" })).toHaveLength(1);
  });
});

describe("seen", () => {
  const tags = [{ Key: "a", Value: "b" }];

  it("finds structures with an id of their own and tags, at any depth", () => {
    const output = {
      $metadata: {},
      Reservations: [
        {
          Instances: [
            { InstanceId: "i-1", VpcId: "vpc-1", Tags: tags, NetworkInterfaces: [{ NetworkInterfaceId: "eni-1" }] },
            { InstanceId: "i-2", Tags: [] },
          ],
        },
      ],
    };
    expect(seen("EC2.DescribeInstances", output)).toEqual([
      { id: "i-1", tags: { a: "b" } },
      { id: "i-2", tags: {} },
    ]);
    expect(
      seen("EC2.DescribeSecurityGroups", { SecurityGroups: [{ GroupId: "sg-1", VpcId: "v", Tags: tags }] }),
    ).toHaveLength(1);
    expect(seen("EC2.DescribeAddresses", { Addresses: [{ AllocationId: "eipalloc-1", Tags: tags }] })[0]?.id).toBe(
      "eipalloc-1",
    );
    expect(seen("EC2.DescribeDhcpOptions", { DhcpOptions: [{ DhcpOptionsId: "dopt-1", Tags: tags }] })[0]?.id).toBe(
      "dopt-1",
    );
    expect(
      seen("EC2.DescribeNetworkInterfaces", { NetworkInterfaces: [{ NetworkInterfaceId: "eni-1", TagSet: tags }] })[0]
        ?.id,
    ).toBe("eni-1");
  });

  it("learns nothing from DescribeTags, which may answer a part of the tags", () => {
    expect(seen("EC2.DescribeTags", { Tags: [{ ResourceId: "i-1", Key: "a", Value: "b" }] })).toEqual([]);
  });

  it("knows what a create made, also where the answer holds no tags", () => {
    const input = adapter.tags?.write(call("EC2.AllocateAddress", {}), ownerTags);
    expect(seen("EC2.AllocateAddress", { AllocationId: "eipalloc-1", PublicIp: "1.2.3.4" }, input)).toEqual([
      { id: "eipalloc-1", tags: ownerTags },
    ]);
    const written = (name: string, given: object = {}) => adapter.tags?.write(call(name, given), ownerTags);
    expect(seen("EC2.CreateVpc", { Vpc: { VpcId: "vpc-1" } }, written("EC2.CreateVpc"))[0]).toEqual({
      id: "vpc-1",
      tags: ownerTags,
    });
    const group = seen("EC2.CreateSecurityGroup", { GroupId: "sg-1" }, written("EC2.CreateSecurityGroup"));
    expect(group).toEqual([{ id: "sg-1", tags: ownerTags }]);
    const secret = seen(
      "SecretsManager.CreateSecret",
      { ARN: "arn:x", Name: "n" },
      written("SecretsManager.CreateSecret"),
    );
    expect(secret.map(({ id }) => id)).toEqual(["arn:x", "n"]);
    const key = seen("KMS.CreateKey", { KeyMetadata: { KeyId: "k", Arn: "arn:k" } }, written("KMS.CreateKey"));
    expect(key).toEqual([
      { id: "k", tags: ownerTags },
      { id: "arn:k", tags: ownerTags },
    ]);
    expect(seen("S3.CreateBucket", {}, written("S3.CreateBucket", { Bucket: "b" }))).toEqual([
      { id: "b", tags: ownerTags },
    ]);
    expect(seen("SSM.PutParameter", {}, written("SSM.PutParameter", { Name: "/p" }))).toEqual([
      { id: "/p", tags: ownerTags },
    ]);
  });

  it("stops at a size that no answer of EC2 has", () => {
    const Volumes = Array.from({ length: 6000 }, (_, index) => ({ VolumeId: `vol-${index}`, Tags: tags }));
    expect(seen("EC2.DescribeVolumes", { Volumes })).toHaveLength(5000);
    const deep = { Vpc: { Vpc: { Vpc: { Vpc: { Vpc: { VpcId: "vpc-1", Tags: tags } } } } } };
    expect(seen("EC2.CreateVpc", deep)).toEqual([]);
  });
});

describe("read", () => {
  const json = (body: object): WireAnswer => ({
    headers: { "content-type": "application/x-amz-json-1.1" },
    body: JSON.stringify(body),
  });
  const xmlTag = "<tagSet><item><resourceId>i-1</resourceId><key>a</key><value>b</value></item></tagSet>";

  function reading<C extends object>(make: (config: ReturnType<typeof wired>) => C, ...answers: WireAnswer[]) {
    const wire = fakeWire(...answers);
    const one = aws();
    const hooked = hook(make(wired(wire)), one as never);
    const read = (service: string, operation: string, id: string) =>
      one.tags?.read?.(id, fakeCall(one as never, { service, operation, input: {} }, "intent", hooked.client));
    return { ...hooked, wire, read };
  }

  it("asks EC2 through the same client, signed, past both rings and past the gate", async () => {
    const { read, port, wire, client } = reading(
      (config) => new EC2Client({ ...config, cacheMiddleware: true }),
      ec2Answer("DescribeTags", xmlTag),
    );
    expect(await read("EC2", "TerminateInstances", "i-1")).toEqual({ a: "b" });
    expect([port.calls.length, port.attempts.length]).toEqual([0, 0]);
    expect(wire.requests[0]?.body).toContain("Action=DescribeTags");
    expect(wire.requests[0]?.headers.authorization).toContain("Signature=");
    await client.send(new DescribeInstancesCommand({}));
    expect(port.calls).toHaveLength(1);
  });

  it("asks each service that can be asked in its own way", async () => {
    const list = [{ Key: "a", Value: "b" }];
    const secrets = reading((config) => new SecretsManagerClient(config), json({ Tags: list }));
    expect(await secrets.read("SecretsManager", "DeleteSecret", "s")).toEqual({ a: "b" });
    const parameters = reading((config) => new SSMClient(config), json({ TagList: list }));
    expect(await parameters.read("SSM", "DeleteParameter", "/p")).toEqual({ a: "b" });
    const keys = reading((config) => new KMSClient(config), json({ Tags: [{ TagKey: "a", TagValue: "b" }] }));
    expect(await keys.read("KMS", "ScheduleKeyDeletion", "k")).toEqual({ a: "b" });
    const buckets = reading((config) => new S3Client(config), {
      headers: { "content-type": "application/xml" },
      body: '<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>',
    });
    expect(await buckets.read("S3", "DeleteBucket", "bucket")).toEqual({ a: "b" });
  });

  it("says what is not there, and what nobody can ask", async () => {
    const gone = reading((config) => new SecretsManagerClient(config), {
      status: 400,
      headers: { "x-amzn-errortype": "ResourceNotFoundException" },
      body: "{}",
    });
    expect(await gone.read("SecretsManager", "DeleteSecret", "s")).toBeUndefined();
    const untagged = reading((config) => new S3Client(config), {
      status: 404,
      body: "<Error><Code>NoSuchTagSet</Code></Error>",
    });
    expect(await untagged.read("S3", "DeleteBucket", "bucket")).toEqual({});
    const other = reading((config) => new STSClient(config), {});
    expect(await other.read("STS", "TagSession", "x")).toBe("unreadable");
    expect(await adapter.tags?.read?.("i-1", call("EC2.DeleteVpc", {}))).toBe("unreadable"); // no client of this adapter's
  });

  it("passes on what the cloud refuses", async () => {
    const { read } = reading((config) => new EC2Client(config), ec2Error("UnauthorizedOperation", 403));
    await expect(read("EC2", "DeleteVpc", "vpc-1")).rejects.toMatchObject({ name: "UnauthorizedOperation" });
  });
});
