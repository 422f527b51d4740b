import type { CallKind } from "../../src/core/target.ts";

/** Operations whose verb says something else than what they do. */
const kinds: Readonly<Record<CallKind, string>> = {
  read:
    // They hand out sessions and key material; nothing is made that could be owned or left behind.
    "STS.AssumeRole STS.AssumeRoleWithSAML STS.AssumeRoleWithWebIdentity STS.AssumeRoot STS.DecodeAuthorizationMessage " +
    "S3.CreateSession KMS.Decapsulate KMS.Decrypt KMS.DeriveSharedSecret KMS.Encapsulate KMS.Encrypt KMS.ReEncrypt " +
    "KMS.GenerateDataKey KMS.GenerateDataKeyPair KMS.GenerateDataKeyPairWithoutPlaintext " +
    "KMS.GenerateDataKeyWithoutPlaintext KMS.GenerateMac KMS.GenerateRandom KMS.Sign KMS.Verify KMS.VerifyMac " +
    "EC2.ExportClientVpnClientCertificateRevocationList EC2.ExportClientVpnClientConfiguration " +
    "EC2.ExportVerifiedAccessInstanceClientConfiguration IAM.GenerateCredentialReport " +
    "IAM.GenerateServiceLastAccessedDetails RDS.DownloadDBLogFilePortion CloudWatchLogs.StartQuery " +
    "CloudWatchLogs.StopQuery CloudWatchLogs.TestMetricFilter EventBridge.TestEventPattern Route53.TestDNSAnswer " +
    "SNS.CheckIfPhoneNumberIsOptedOut ECS.DiscoverPollEndpoint",
  create:
    // They make something although the request has no place for its tags.
    "EC2.CreateDefaultSubnet EC2.CreateDefaultVpc EC2.CopyFpgaImage EC2.ImportInstance EC2.ImportVolume " +
    "EC2.RunScheduledInstances EC2.PurchaseScheduledInstances EC2.PurchaseReservedInstancesOffering " +
    "AutoScaling.CreateLaunchConfiguration AutoScaling.LaunchInstances DynamoDB.CreateBackup " +
    "DynamoDB.CreateGlobalTable DynamoDB.ImportTable DynamoDB.RestoreTableFromBackup " +
    "DynamoDB.RestoreTableToPointInTime EFS.CreateMountTarget EventBridge.CreateApiDestination " +
    "EventBridge.CreateArchive EventBridge.CreateConnection EventBridge.CreateEndpoint IAM.CreateAccessKey " +
    "IAM.CreateGroup IAM.CreateServiceLinkedRole IAM.CreateServiceSpecificCredential Route53.CreateHealthCheck " +
    "Route53.CreateHostedZone Route53.CreateReusableDelegationSet Route53.CreateTrafficPolicy " +
    "SNS.CreatePlatformApplication " +
    // What the new version launches carries the tags that stand in it.
    "EC2.CreateLaunchTemplateVersion",
  update:
    "EC2.CreateTags AutoScaling.CreateOrUpdateTags EFS.CreateTags " +
    "EC2.DeleteLaunchTemplateVersions AutoScaling.DeleteTags EFS.DeleteTags CloudFormation.CancelUpdateStack " +
    "EC2.CancelImageLaunchPermission EKS.CancelUpdate KMS.CancelKeyDeletion S3.DeleteBucketLifecycle " +
    "SecretsManager.CancelRotateSecret ElasticLoadBalancing.DeregisterInstancesFromLoadBalancer " +
    // The data plane: items, messages and invocations are no resources.
    "DynamoDB.BatchExecuteStatement DynamoDB.BatchWriteItem DynamoDB.DeleteItem DynamoDB.ExecuteStatement " +
    "DynamoDB.ExecuteTransaction DynamoDB.PutItem DynamoDB.TransactWriteItems DynamoDB.UpdateItem Lambda.Invoke " +
    "Lambda.InvokeAsync Lambda.InvokeWithResponseStream SNS.Publish SNS.PublishBatch SQS.DeleteMessage " +
    "SQS.DeleteMessageBatch SQS.PurgeQueue SQS.ReceiveMessage SQS.SendMessage SQS.SendMessageBatch",
  delete: "KMS.ScheduleKeyDeletion",
};

/** By `Service.Operation`. */
export const exceptions: ReadonlyMap<string, CallKind> = new Map(
  (Object.entries(kinds) as [CallKind, string][]).flatMap(([kind, names]) =>
    names.split(" ").map((name) => [name, kind] as const),
  ),
);
