import * as dynamodb from "@aws-sdk/client-dynamodb";
import * as ec2 from "@aws-sdk/client-ec2";
import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import * as secretsManager from "@aws-sdk/client-secrets-manager";
import * as ssm from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { factBook } from "../../../adapters/aws/fact-book.ts";
import { readSchema } from "../../../adapters/aws/schema.ts";
import { operations } from "../../../adapters/aws/table.generated.ts";
import { readTable } from "../../../adapters/aws/table.ts";
import { describeClient } from "../../../scripts/generate-aws-table.ts";

const clients = { ec2, sts, s3, secretsManager, ssm, kms, dynamodb };
const schemaOf = (command: object) => (command as { schema?: unknown }).schema;

describe("the SDK's runtime schemas", () => {
  it("say where tags, token and secrets of RunInstances are", () => {
    const schema = schemaOf(new ec2.RunInstancesCommand({} as never));
    const facts = readSchema("EC2", "RunInstances", schema);
    expect(facts).toMatchObject({
      tags: { path: ["TagSpecifications"], style: "specifications" },
      token: "ClientToken",
      sensitive: ["UserData"],
    });
    expect(facts?.plain).toEqual(
      expect.arrayContaining(["ImageId", "SubnetId", "InstanceType", "Value", "HttpTokens"]),
    );
  });

  it("keep a value secret that is harmless elsewhere in the same input", () => {
    const struct = (name: string, members: string[], schemas: unknown[]) => [3, "ns", name, 0, members, schemas];
    const tag = struct("Tag", ["Key", "Value"], [0, 0]);
    const variable = struct("KeyValuePair", ["Name", "Value"], [0, 0]);
    const list = (of: unknown) => [1, "ns", "List", 0, () => of];
    const input = (variables: unknown[]) =>
      struct("Request", ["Tags", ...(variables.length > 0 ? ["Environment"] : [])], [() => list(tag), ...variables]);
    const plain = (variables: unknown[]) =>
      readSchema("X", "Y", [9, "ns", "Y", 0, () => input(variables), "unit"])?.plain;
    expect(plain([])).toContain("Value");
    expect(plain([() => list(variable)])).not.toContain("Value");
  });

  it("find a secret at any depth, in a list, in a map, and in a type of its own", () => {
    const secret = [0, "ns", "Secret", 8, 0];
    const inner = [
      3,
      "ns",
      "Inner",
      0,
      ["Deep", "Many", "ByName"],
      [() => secret, [1, "ns", "L", 0, [() => secret, 0]], [2, "ns", "M", 0, 0, [0, 8]]],
    ];
    const input = [3, "ns", "In", 0, ["Nested", "Direct"], [() => inner, [0, 8]]];
    expect(readSchema("X", "Y", [9, "ns", "Y", 0, input, "unit"])?.sensitive).toEqual([
      "ByName",
      "Deep",
      "Direct",
      "Many",
    ]);
  });

  it("find a token that the model does not declare, in the services that are known for it alone", () => {
    const input = [3, "ns", "In", 0, ["ClientRequestToken"], [0]];
    const token = (service: string) => readSchema(service, "CreateStack", [9, "ns", "X", 0, input, "unit"])?.token;
    expect([token("CloudFormation"), token("Elsewhere")]).toEqual(["ClientRequestToken", undefined]);
  });

  it("end where structures contain themselves", () => {
    const loop: unknown[] = [3, "ns", "Loop", 0, ["Again", "PartId"], [() => loop, 0]];
    expect(readSchema("X", "Y", [9, "ns", "Y", 0, loop, "unit"])?.plain).toEqual(["PartId"]);
  });

  it("count as absent in any other form", () => {
    const hostile = new Proxy([], {
      get() {
        throw new Error("no");
      },
    });
    for (const schema of [
      undefined,
      null,
      {},
      [],
      [9],
      [8, "ns"],
      [9, "ns", "X", 0, {}, {}],
      [9, "ns", "X", 0, [7]],
      hostile,
    ]) {
      expect(readSchema("EC2", "RunInstances", schema)).toBeUndefined();
    }
    const book = factBook();
    book.learn("EC2", "RunInstances", [9, "another", "form"]);
    expect(book.get("EC2", "RunInstances")).toBe(readTable("EC2", "RunInstances"));
  });
});

describe("the generated table", () => {
  it.each(Object.entries(clients))("says what the installed client of %s says", (_, module) => {
    const { service, lines } = describeClient(module as Record<string, unknown>);
    expect(lines.length).toBeGreaterThan(0);
    expect(operations[service]?.split("\n")).toEqual(lines);
  });

  it("covers the services that providers use", () => {
    expect(Object.keys(operations)).toEqual(
      expect.arrayContaining(
        "AutoScaling CloudFormation CloudWatchLogs DynamoDB EC2 ECR ECS EFS EKS ElasticLoadBalancing ElasticLoadBalancingV2 EventBridge IAM KMS Lambda RDS Route53 S3 SNS SQS SSM STS SecretsManager".split(
          " ",
        ),
      ),
    );
  });

  it("is not led astray by names of every object's members", () => {
    expect(readTable("constructor", "toString")).toBeUndefined();
    expect(readTable("EC2", "constructor")).toBeUndefined();
  });
});
