import { describe, expect, it } from "vitest";
import { aws } from "../../../adapters/aws/index.ts";

const adapter = aws();
const kind = (name: string) => {
  const [service = "", operation = ""] = name.split(".");
  const { kind, known } = adapter.classify(operation, service);
  return known ? kind : `${kind}?`;
};

describe("classify", () => {
  it.each([
    [
      "read",
      "EC2.DescribeInstances EC2.GetConsoleOutput EC2.SearchTransitGatewayRoutes S3.HeadObject S3.ListObjectsV2",
    ],
    [
      "read",
      "SecretsManager.GetSecretValue SecretsManager.BatchGetSecretValue DynamoDB.TransactGetItems DynamoDB.Query",
    ],
    ["read", "STS.AssumeRole STS.AssumeRoleWithWebIdentity STS.GetCallerIdentity KMS.Encrypt KMS.GenerateDataKey"],
    ["create", "EC2.RunInstances EC2.CreateVpc EC2.AllocateAddress EC2.ImportKeyPair EC2.CopyImage EC2.RegisterImage"],
    ["create", "EC2.RequestSpotInstances EC2.RequestSpotFleet EC2.CreateLaunchTemplateVersion EC2.CreateDefaultVpc"],
    ["create", "S3.PutObject S3.CreateBucket S3.CreateMultipartUpload SSM.PutParameter SecretsManager.CreateSecret"],
    [
      "create",
      "KMS.CreateKey EKS.CreateNodegroup IAM.CreateRole IAM.CreateAccessKey ECS.RunTask Route53.CreateHostedZone",
    ],
    [
      "update",
      "EC2.CreateTags EC2.DeleteTags EC2.CreateRoute EC2.DeleteRoute EC2.CreateNetworkAclEntry EC2.StartInstances",
    ],
    ["update", "EC2.AuthorizeSecurityGroupIngress EC2.AttachVolume EC2.ModifyInstanceAttribute EC2.AssociateAddress"],
    [
      "update",
      "DynamoDB.PutItem DynamoDB.DeleteItem DynamoDB.BatchWriteItem SQS.ReceiveMessage Lambda.Invoke S3.UploadPart",
    ],
    ["update", "S3.PutBucketPolicy S3.DeleteBucketPolicy S3.PutBucketTagging IAM.PutRolePolicy IAM.DeleteRolePolicy"],
    ["update", "ElasticLoadBalancingV2.RegisterTargets ElasticLoadBalancingV2.DeregisterTargets KMS.CreateAlias"],
    [
      "delete",
      "EC2.TerminateInstances EC2.DeleteVpc EC2.ReleaseAddress EC2.DeregisterImage EC2.CancelSpotInstanceRequests",
    ],
    [
      "delete",
      "S3.DeleteObject S3.DeleteBucket SSM.DeleteParameter SecretsManager.DeleteSecret KMS.ScheduleKeyDeletion",
    ],
  ] as const)("%s: %s", (expected, names) => {
    for (const name of names.split(" ")) expect([name, kind(name)]).toEqual([name, expected]);
  });

  it("takes what it does not recognise for mutating, and says that it guessed", () => {
    expect(kind("EC2.FrobnicateInstances")).toBe("update?");
    expect(kind("Unheard.Of")).toBe("update?");
    expect(kind("Nowhere.Getaway")).toBe("update?"); // begins with Get, but is no "Get…" operation
    expect(kind("EC2.")).toBe("update?");
    expect(kind("Nowhere.constructor")).toBe("update?");
  });

  it("goes by the verb where it has no table for the service", () => {
    expect(kind("Batch.CreateComputeEnvironment")).toBe("create");
    expect(kind("Batch.DescribeJobs")).toBe("read");
    expect(kind("Batch.DeleteJobQueue")).toBe("delete");
    expect(kind("Batch.UpdateJobQueue")).toBe("update");
  });

  it("names resource types as EC2 tags them", () => {
    const type = (operation: string, service = "EC2") => adapter.classify(operation, service).resourceType;
    expect(type("RunInstances")).toBe("instance");
    expect(type("TerminateInstances")).toBe("instance");
    expect(type("ModifyInstanceMetadataOptions")).toBe("instance");
    expect(type("AllocateAddress")).toBe("elastic-ip");
    expect(type("ReleaseAddress")).toBe("elastic-ip");
    expect(type("CreateNatGateway")).toBe("natgateway");
    expect(type("DeleteNatGateway")).toBe("natgateway");
    expect(type("CreateDhcpOptions")).toBe("dhcp-options");
    expect(type("AuthorizeSecurityGroupIngress")).toBe("security-group");
    expect(type("DeleteVpcEndpoints")).toBe("vpc-endpoint");
    expect(type("CreateFlowLogs")).toBe("vpc-flow-log");
    expect(type("CreateLoadBalancer", "ElasticLoadBalancingV2")).toBe("load-balancer");
    expect(type("CreateDBInstance", "RDS")).toBe("db-instance");
    expect(type("RestoreDBInstanceFromDBSnapshot", "RDS")).toBe("db-instance");
  });

  const revokes = (name: string) => {
    const [service = "", operation = ""] = name.split(".");
    return adapter.classify(operation, service).revokes === true;
  };

  it.each([
    "SecretsManager.DeleteSecret SSM.DeleteParameter SSM.DeleteParameters SSM.TerminateSession SSM.DeleteActivation",
    "IAM.DeleteAccessKey IAM.DeleteLoginProfile IAM.DeleteSSHPublicKey IAM.DeleteServiceSpecificCredential",
    "EC2.RevokeSecurityGroupIngress EC2.RevokeSecurityGroupEgress KMS.RevokeGrant KMS.RetireGrant",
  ])("says that they only take away access or a secret: %s", (names) => {
    for (const name of names.split(" ")) {
      expect([name, revokes(name)]).toEqual([name, true]);
      expect(["update", "delete"]).toContain(kind(name));
    }
  });

  it.each([
    "KMS.ScheduleKeyDeletion KMS.DisableKey EC2.TerminateInstances EC2.DeleteVolume EC2.DeleteKeyPair S3.DeleteObject",
    "IAM.DeactivateMFADevice IAM.DetachRolePolicy IAM.DeleteRolePolicy IAM.DeleteRole S3.DeleteBucketPolicy",
    "EC2.AuthorizeSecurityGroupIngress EC2.DeleteSecurityGroup S3.DeletePublicAccessBlock EC2.DeleteSecret",
    "SecretsManager.PutSecretValue SecretsManager.DeleteResourcePolicy IAM.UpdateAccessKey Unheard.RevokeGrant",
  ])("says it of nothing that destroys, weakens or may give access: %s", (names) => {
    for (const name of names.split(" ")) expect([name, revokes(name)]).toEqual([name, false]);
  });
});
