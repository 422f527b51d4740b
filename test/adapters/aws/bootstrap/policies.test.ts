import { bootstrapPolicies } from "provider-guard/aws";
import { describe, expect, it } from "vitest";

const here = { region: "eu-central-1", account: "123456789012" };
const keyArn = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-123456789abc";

describe("IAM policies of bootstrap data", () => {
  it("gives rights for what is used only", () => {
    expect(bootstrapPolicies(here)).toEqual({
      controller: { Version: "2012-10-17", Statement: [] },
      node: { Version: "2012-10-17", Statement: [] },
    });
    const { node } = bootstrapPolicies({ ...here, ssm: { prefix: "prod" } });
    expect(node.Statement).toEqual([
      {
        Sid: "Parameters",
        Effect: "Allow",
        Action: ["ssm:GetParameter", "ssm:DeleteParameter"],
        Resource: ["arn:aws:ssm:eu-central-1:123456789012:parameter/prod/*"],
      },
    ]);
  });

  it("lets a key be used through its service, for its items, and by nodes to decrypt", () => {
    const { controller, node } = bootstrapPolicies({
      ...here,
      region: "cn-north-1",
      partition: "aws-cn",
      secretsManager: { prefix: "prod", kmsKeyArn: keyArn },
    });
    const items = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:prod/*";
    const through = (contexts: string[]) => ({
      StringEquals: { "kms:ViaService": "secretsmanager.cn-north-1.amazonaws.com.cn" },
      StringLike: { "kms:EncryptionContext:SecretARN": contexts },
    });
    expect(controller.Statement.at(-1)).toMatchObject({
      Action: ["kms:GenerateDataKey", "kms:Decrypt"],
      Resource: [keyArn],
      Condition: through([items, "RequestToValidateKeyAccess"]),
    });
    expect(node.Statement.at(-1)).toMatchObject({
      Action: ["kms:Decrypt"],
      Resource: [keyArn],
      Condition: through([items]),
    });
  });

  it("has ids of statements that IAM takes, each once", () => {
    const all = bootstrapPolicies({
      ...here,
      secretsManager: { prefix: "prod", kmsKeyArn: keyArn },
      ssm: { prefix: "prod", kmsKeyArn: keyArn },
      s3: { bucket: "bootstrap", prefix: "prod", kmsKeyArn: keyArn },
      kms: { keyArn },
    });
    for (const { Statement } of [all.controller, all.node]) {
      const ids = Statement.map(({ Sid }) => Sid);
      expect(ids.every((id) => /^[A-Za-z0-9]+$/.test(id))).toBe(true);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  it.each([
    [{ region: "*" }, "region"],
    [{ account: "*" }, "account"],
    [{ partition: "*" }, "partition"],
    [{ ssm: { prefix: "*" } }, "ssm.prefix"],
    [{ s3: { bucket: "*-all", prefix: "prod" } }, "s3.bucket"],
    [{ kms: { keyArn: "alias/bootstrap" } }, "kms.keyArn"],
    [{ kms: { keyArn, encryptionContext: { cluster: "*" } } }, "kms.encryptionContext"],
  ])("refuses %j, naming the option", (wrong, path) => {
    expect(() => bootstrapPolicies({ ...here, ...wrong })).toThrow(path);
  });
});
