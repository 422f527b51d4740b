import { EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { describe, expect, it } from "vitest";
import { requireImdsV2 } from "../../../adapters/aws/imds.ts";
import { aws } from "../../../adapters/aws/index.ts";
import { createRedactor } from "../../../src/core/redact.ts";
import { hook } from "./fake-port.ts";
import { ec2Answer, fakeWire, wired } from "./fake-wire.ts";

describe("the instance metadata service", () => {
  const both = { HttpTokens: "required", HttpPutResponseHopLimit: 1 };
  const require = (operation: string, input: object, service = "EC2") =>
    requireImdsV2(service, operation, Object.freeze(input));

  it("takes IMDSv2 alone with one hop, in launches and launch templates", () => {
    expect(require("RunInstances", { ImageId: "a" })).toEqual({ ImageId: "a", MetadataOptions: both });
    const data = { LaunchTemplateData: { MetadataOptions: both } };
    expect(require("CreateLaunchTemplate", {})).toEqual(data);
    expect(require("CreateLaunchTemplateVersion", {})).toEqual(data);
    expect(require("CreateLaunchConfiguration", {}, "AutoScaling")).toEqual({ MetadataOptions: both });
    const other = { InstanceIds: ["i-1"] };
    expect(require("StartInstances", other)).toBe(other);
  });

  it("stays as the caller set it, member by member", () => {
    const options = (MetadataOptions: object) => require("RunInstances", { MetadataOptions });
    expect(options({ HttpTokens: "optional" })).toEqual({
      MetadataOptions: { HttpTokens: "optional", HttpPutResponseHopLimit: 1 },
    });
    expect(options({ HttpPutResponseHopLimit: 2 })).toEqual({
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
    });
    for (const given of [{ ...both }, { HttpEndpoint: "disabled" }]) {
      const input = { MetadataOptions: given };
      expect(require("RunInstances", input)).toBe(input);
    }
  });

  it("leaves a hop limit to the template that may have set it", () => {
    const LaunchTemplate = { LaunchTemplateId: "lt-1" };
    expect(require("RunInstances", { LaunchTemplate })).toEqual({
      LaunchTemplate,
      MetadataOptions: { HttpTokens: "required" },
    });
    expect(require("CreateLaunchTemplateVersion", { SourceVersion: "1" })).toMatchObject({
      LaunchTemplateData: { MetadataOptions: { HttpTokens: "required" } },
    });
  });

  it("is settled before the guard sees the input, the same each time, unless it is turned off", async () => {
    const inputs = async (options: Parameters<typeof aws>[0]) => {
      const { client, port } = hook(new EC2Client(wired(fakeWire(ec2Answer("RunInstances")))), aws(options) as never);
      const input = Object.freeze({ ImageId: "ami-1", MinCount: 1, MaxCount: 1 });
      await client.send(new RunInstancesCommand(input));
      await client.send(new RunInstancesCommand(input));
      return port.calls.map((call) => JSON.stringify(call.input));
    };
    const [first, second] = await inputs({});
    expect(first).toContain('"HttpTokens":"required"');
    expect(second).toBe(first);
    expect((await inputs({ imds: false }))[0]).not.toContain("HttpTokens");
  });
});

describe("what may be recorded of an input", () => {
  const { redact } = createRedactor();

  it("is ids, names, kinds and counts, and never what the model calls sensitive", async () => {
    const adapter = aws();
    const { client } = hook(new EC2Client(wired(fakeWire(ec2Answer("RunInstances")))), adapter as never);
    const input = {
      ImageId: "ami-1",
      InstanceType: "m5.large" as const,
      MinCount: 1,
      MaxCount: 2,
      UserData: "c2VjcmV0",
      SubnetId: "subnet-1",
      TagSpecifications: [{ ResourceType: "instance" as const, Tags: [{ Key: "Name", Value: "n" }] }],
      AdditionalInfo: "free text",
    };
    await client.send(new RunInstancesCommand(input));
    expect(redact(input, adapter.redaction?.("RunInstances", "EC2")).value).toEqual({
      ...input,
      UserData: "[redacted]",
      AdditionalInfo: "[string]",
    });
  });

  it("keeps secrets of Secrets Manager and Systems Manager out, with schemas and without", async () => {
    const adapter = aws();
    const secrets = hook(new SecretsManagerClient(wired(fakeWire({ body: "{}" }))), adapter as never);
    await secrets.client.send(new CreateSecretCommand({ Name: "n", SecretString: "hush" }));
    const parameters = hook(new SSMClient(wired(fakeWire({ body: "{}" }))), adapter as never);
    await parameters.client.send(new PutParameterCommand({ Name: "/p", Value: "hush", Type: "SecureString" }));
    for (const known of [adapter, aws()]) {
      const text = JSON.stringify([
        redact({ Name: "n", SecretString: "hush" }, known.redaction?.("CreateSecret", "SecretsManager")).value,
        redact({ Name: "/p", Value: "hush" }, known.redaction?.("PutParameter", "SSM")).value,
      ]);
      expect(text).not.toContain("hush");
      expect(text).toContain("/p");
      expect(known.redaction?.("PutParameter", "SSM")?.deny).toContain("value");
      expect(known.redaction?.("PutParameter", "SSM")?.allow).not.toContain("value");
    }
  });

  it("is the shape alone of an operation that nobody knows", () => {
    expect(aws().redaction?.("Of", "Unheard")).toBeUndefined();
  });

  it("is worked out once for each operation", () => {
    const adapter = aws();
    expect(adapter.redaction?.("RunInstances", "EC2")).toBe(adapter.redaction?.("RunInstances", "EC2"));
  });
});
