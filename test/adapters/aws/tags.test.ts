import * as ec2 from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { aws } from "../../../adapters/aws/index.ts";
import { taggedTypes } from "../../../adapters/aws/resource-types.ts";
import type { Tags } from "../../../src/core/tags.ts";
import { fakeCall } from "./fake-port.ts";

const owner: Tags = { "provider-guard/cluster-uid": "u1" };
const pair = { Key: "provider-guard/cluster-uid", Value: "u1" };

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

const adapter = aws();
const call = (name: string, input: unknown) => {
  const [service = "", operation = ""] = name.split(".");
  return fakeCall(adapter as never, { service, operation, input: frozen(input) });
};
const write = (name: string, input: unknown) => adapter.tags?.write(call(name, input), owner);
const given = (name: string, input: unknown) => adapter.tags?.given?.(call(name, input));
const token = (name: string, input: unknown, value = "01hq7x3y5z8n4t6v9w2k1m0p3r") =>
  adapter.tags?.token?.(call(name, input), value);

describe("owner tags in a create", () => {
  it("go to every resource type that RunInstances makes, beside the caller's own", () => {
    const input = {
      ImageId: "ami-1",
      TagSpecifications: [
        { ResourceType: "instance", Tags: [{ Key: "Name", Value: "n" }] },
        { ResourceType: "elastic-gpu", Tags: [{ Key: "a", Value: "b" }] },
      ],
    };
    expect(write("EC2.RunInstances", input)).toEqual({
      ImageId: "ami-1",
      TagSpecifications: [
        { ResourceType: "instance", Tags: [{ Key: "Name", Value: "n" }, pair] },
        { ResourceType: "elastic-gpu", Tags: [{ Key: "a", Value: "b" }] },
        { ResourceType: "volume", Tags: [pair] },
        { ResourceType: "network-interface", Tags: [pair] },
      ],
    });
  });

  it("leave out network interfaces that exist already, and take in a spot request", () => {
    const types = (input: object) =>
      (write("EC2.RunInstances", input) as { TagSpecifications: { ResourceType: string }[] }).TagSpecifications.map(
        ({ ResourceType }) => ResourceType,
      );
    const existing = { NetworkInterfaceId: "eni-1", DeviceIndex: 0 };
    expect(types({ NetworkInterfaces: [existing] })).toEqual(["instance", "volume"]);
    expect(types({ NetworkInterfaces: [existing, { DeviceIndex: 1 }] })).toContain("network-interface");
    expect(types({ InstanceMarketOptions: { MarketType: "spot" } })).toContain("spot-instances-request");
  });

  it.each([
    ["EC2.CreateVpc", "vpc"],
    ["EC2.AllocateAddress", "elastic-ip"],
    ["EC2.CreateNatGateway", "natgateway"],
    ["EC2.ImportKeyPair", "key-pair"],
    ["EC2.CreateDhcpOptions", "dhcp-options"],
    ["EC2.CreateFlowLogs", "vpc-flow-log"],
    ["EC2.CreateSnapshots", "snapshot"],
    ["EC2.RegisterImage", "image"],
    ["EC2.CreateTransitGatewayVpcAttachment", "transit-gateway-attachment"],
  ])("%s tags a %s", (name, type) => {
    expect(write(name, {})).toEqual({ TagSpecifications: [{ ResourceType: type, Tags: [pair] }] });
  });

  it("go to what a launch template launches, and to the template", () => {
    const data = {
      TagSpecifications: [
        { ResourceType: "instance", Tags: [pair] },
        { ResourceType: "volume", Tags: [pair] },
      ],
    };
    expect(write("EC2.CreateLaunchTemplate", { LaunchTemplateName: "t" })).toEqual({
      LaunchTemplateName: "t",
      TagSpecifications: [{ ResourceType: "launch-template", Tags: [pair] }],
      LaunchTemplateData: data,
    });
    expect(write("EC2.CreateLaunchTemplateVersion", { LaunchTemplateId: "lt-1" })).toEqual({
      LaunchTemplateId: "lt-1",
      LaunchTemplateData: data,
    });
  });

  it("go to a fleet's instances only where EC2 takes them", () => {
    const types = (input: object) =>
      (write("EC2.CreateFleet", input) as { TagSpecifications: { ResourceType: string }[] }).TagSpecifications.map(
        ({ ResourceType }) => ResourceType,
      );
    expect(types({})).toEqual(["fleet"]);
    expect(types({ Type: "maintain" })).toEqual(["fleet"]);
    expect(types({ Type: "instant" })).toEqual(["fleet", "instance", "volume"]);
  });

  it("take each service's own form", () => {
    const key = "provider-guard/cluster-uid";
    expect(write("SecretsManager.CreateSecret", { Name: "s" })).toEqual({ Name: "s", Tags: [pair] });
    expect(write("KMS.CreateKey", {})).toEqual({ Tags: [{ TagKey: key, TagValue: "u1" }] });
    expect(write("ECS.CreateCluster", { tags: [{ key: "a", value: "b" }] })).toEqual({
      tags: [
        { key: "a", value: "b" },
        { key, value: "u1" },
      ],
    });
    expect(write("EKS.CreateCluster", { tags: { a: "b" } })).toEqual({ tags: { a: "b", [key]: "u1" } });
    expect(write("SQS.CreateQueue", { QueueName: "q" })).toEqual({ QueueName: "q", tags: { [key]: "u1" } });
    expect(write("AutoScaling.CreateAutoScalingGroup", {})).toEqual({ Tags: [{ ...pair, PropagateAtLaunch: true }] });
    expect(write("S3.CreateBucket", { Bucket: "b" })).toEqual({
      Bucket: "b",
      CreateBucketConfiguration: { Tags: [pair] },
    });
    expect(write("S3.PutObject", { Bucket: "b", Tagging: "k=a%20b&c=%2B" })).toEqual({
      Bucket: "b",
      Tagging: "k=a%20b&c=%2B&provider-guard%2Fcluster-uid=u1",
    });
    expect(write("RDS.CreateDBInstance", {})).toEqual({ Tags: [pair] });
    expect(write("EC2.RequestSpotFleet", {})).toEqual({
      SpotFleetRequestConfig: { TagSpecifications: [{ ResourceType: "spot-fleet-request", Tags: [pair] }] },
    });
  });

  it("are not claimed where the request cannot carry them", () => {
    expect(write("EC2.CreateDefaultVpc", {})).toBeUndefined();
    expect(write("Route53.CreateHostedZone", {})).toBeUndefined();
    expect(write("Unheard.Of", {})).toBeUndefined();
    expect(write("SSM.PutParameter", { Name: "p", Overwrite: true })).toBeUndefined();
    expect(write("SSM.PutParameter", { Name: "p" })).toEqual({ Name: "p", Tags: [pair] });
    expect(write("S3.CopyObject", { Bucket: "b" })).toBeUndefined();
    expect(write("S3.CopyObject", { Bucket: "b", TaggingDirective: "REPLACE" })).toEqual({
      Bucket: "b",
      TaggingDirective: "REPLACE",
      Tagging: "provider-guard%2Fcluster-uid=u1",
    });
    expect(write("S3.PutObject", { Bucket: "zone--x-s3" })).toBeUndefined();
    expect(write("CloudFormation.CreateChangeSet", {})).toBeUndefined();
  });

  it("do not appear twice when a caller has the key", () => {
    const Tags = [{ Key: pair.Key, Value: "mine" }];
    expect(write("SecretsManager.CreateSecret", { Tags })).toEqual({ Tags });
  });

  it("reach every create of EC2 that has a place for them, under a type that EC2 knows", () => {
    const types = new Set<string>(Object.values(ec2.ResourceType));
    for (const name of Object.keys(ec2).filter((name) => /^[A-Z]\w*Command$/.test(name))) {
      const operation = name.slice(0, -"Command".length);
      const written = write(`EC2.${operation}`, {});
      if (adapter.classify(operation, "EC2").kind !== "create" || written === undefined) continue;
      if (operation === "CreateLaunchTemplateVersion") continue;
      expect([operation, taggedTypes(operation).filter((type) => !types.has(type))]).toEqual([operation, []]);
      expect(JSON.stringify(written)).toContain(pair.Key);
    }
  });
});

describe("tags that a caller gave", () => {
  it("are found in every form, with those to be taken away", () => {
    expect(given("EC2.CreateTags", { Resources: ["i-1"], Tags: [{ Key: "a", Value: "b" }] })).toEqual({ a: "b" });
    expect(given("EC2.DeleteTags", { Resources: ["i-1"], Tags: [{ Key: "a" }] })).toEqual({ a: "" });
    const TagSpecifications = [{ ResourceType: "instance", Tags: [{ Key: "a", Value: "b" }] }];
    expect(given("EC2.RunInstances", { TagSpecifications })).toEqual({ a: "b" });
    expect(given("EC2.CreateLaunchTemplate", { LaunchTemplateData: { TagSpecifications } })).toEqual({ a: "b" });
    expect(given("S3.PutObject", { Tagging: "a=b%20c" })).toEqual({ a: "b c" });
    expect(given("S3.PutBucketTagging", { Tagging: { TagSet: [{ Key: "a", Value: "b" }] } })).toEqual({ a: "b" });
    expect(given("KMS.UntagResource", { TagKeys: ["a"] })).toEqual({ a: "" });
    expect(given("EKS.CreateCluster", { tags: { a: "b" } })).toEqual({ a: "b" });
    expect(given("EC2.DescribeVpcs", {})).toBeUndefined();
  });

  it("are taken away also by a pair that EC2 compares, and all of them where none is named", () => {
    const pair = { Key: "a", Value: "b" };
    expect(given("EC2.DeleteTags", { Resources: ["i-1"], Tags: [pair] })).toEqual({ a: "" });
    expect(given("AutoScaling.DeleteTags", { Tags: [{ ...pair, ResourceId: "g" }] })).toEqual({ a: "" });
    for (const Tags of [undefined, []]) {
      const all = given("EC2.DeleteTags", { Resources: ["i-1"], Tags }) ?? {};
      expect(Object.keys(all)).toEqual([expect.stringMatching(/^provider-guard\//)]);
    }
  });

  it("say nothing where one key has two values", () => {
    const [one, other] = [
      { Key: "a", Value: "b" },
      { Key: "a", Value: "c" },
    ];
    expect(given("EC2.CreateTags", { Resources: ["i-1"], Tags: [one, other] })).toEqual({ a: "" });
    expect(given("EC2.CreateTags", { Resources: ["i-1"], Tags: [one, one] })).toEqual({ a: "b" });
    const TagSpecifications = [one, other].map((tag) => ({ ResourceType: "instance", Tags: [tag] }));
    expect(given("EC2.RunInstances", { TagSpecifications })).toEqual({ a: "" });
  });

  it("do not make anything throw, whatever they are", () => {
    for (const Tags of [null, 1, "x", [null, 1, {}], { Key: "a" }]) {
      expect(() => given("SecretsManager.CreateSecret", { Tags })).not.toThrow();
      expect(() => write("SecretsManager.CreateSecret", { Tags })).not.toThrow();
    }
  });
});

describe("the idempotency token", () => {
  it("goes where the model says, and stays the caller's where there is one", () => {
    expect(token("EC2.RunInstances", { ImageId: "a" })).toEqual({
      input: { ImageId: "a", ClientToken: "01hq7x3y5z8n4t6v9w2k1m0p3r" },
      token: "01hq7x3y5z8n4t6v9w2k1m0p3r",
    });
    const own = { ClientToken: "mine" };
    expect(token("EC2.RunInstances", own)).toEqual({ input: own, token: "mine" });
    expect(token("EFS.CreateFileSystem", {})?.input).toHaveProperty("CreationToken");
    expect(token("EKS.CreateCluster", {})?.input).toHaveProperty("clientRequestToken");
    expect(token("EC2.CreateVpc", {})).toBeUndefined();
  });

  it("goes into older operations whose model does not say so", () => {
    for (const name of [
      "AllocateHosts",
      "CreateVpcEndpoint",
      "CreateFlowLogs",
      "ImportImage",
      "RequestSpotInstances",
    ]) {
      expect(token(`EC2.${name}`, {})?.input).toHaveProperty("ClientToken");
    }
    expect(token("ECS.CreateService", {})?.input).toHaveProperty("clientToken");
    expect(token("CloudFormation.CreateStack", {})?.input).toHaveProperty("ClientRequestToken");
  });

  it("is long enough for Secrets Manager, and the same again for the same call", () => {
    const first = token("SecretsManager.CreateSecret", {});
    expect(first?.token).toMatch(/^[\w-]{32,64}$/);
    expect(token("SecretsManager.CreateSecret", {})).toEqual(first);
    expect(token("SecretsManager.CreateSecret", {}, first?.token)).toEqual(first); // resumed after a restart
  });
});
