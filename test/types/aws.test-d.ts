// Compiled, never run: what `guard.wrap` returns is exactly the client's type.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DescribeVpcsCommand, type DescribeVpcsCommandOutput, EC2, EC2Client } from "@aws-sdk/client-ec2";
import { GetObjectCommand, type GetObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";
import {
  GetSecretValueCommand,
  type GetSecretValueCommandOutput,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { GetCallerIdentityCommand, type GetCallerIdentityCommandOutput, STSClient } from "@aws-sdk/client-sts";
import { DynamoDBDocument, DynamoDBDocumentClient, GetCommand, type GetCommandOutput } from "@aws-sdk/lib-dynamodb";
import type { Adapter, Guard } from "provider-guard";
import { type AwsClient, type AwsOptions, aws } from "provider-guard/aws";
import { expectTypeOf } from "vitest";

declare const guard: Guard;
const { signal } = new AbortController();

expectTypeOf(aws).parameters.toEqualTypeOf<[options?: AwsOptions | undefined]>();
expectTypeOf(aws).returns.toEqualTypeOf<Adapter<AwsClient>>();

const ec2 = guard.wrap(new EC2Client({}), aws());
expectTypeOf(ec2).toEqualTypeOf<EC2Client>();
expectTypeOf(ec2.send).toEqualTypeOf<EC2Client["send"]>();
const vpcs = new DescribeVpcsCommand({});
expectTypeOf(ec2.send(vpcs)).toEqualTypeOf<Promise<DescribeVpcsCommandOutput>>();
expectTypeOf(ec2.send(vpcs, { abortSignal: signal })).toEqualTypeOf<Promise<DescribeVpcsCommandOutput>>();
expectTypeOf(
  ec2.send(vpcs, (error, data) => {
    expectTypeOf(data).toEqualTypeOf<DescribeVpcsCommandOutput | undefined>();
    return error;
  }),
).toEqualTypeOf<void>();
expectTypeOf(ec2.send(vpcs, {}, () => {})).toEqualTypeOf<void>();
// @ts-expect-error a client sends the commands of its own service alone
ec2.send(new GetObjectCommand({ Bucket: "b", Key: "k" }));
expectTypeOf(guard.wrap(new EC2({}), aws())).toEqualTypeOf<EC2>();

const s3 = guard.wrap(new S3Client({}), aws());
expectTypeOf(s3).toEqualTypeOf<S3Client>();
expectTypeOf(s3.send(new GetObjectCommand({ Bucket: "b", Key: "k" }))).toEqualTypeOf<Promise<GetObjectCommandOutput>>();

const sts = guard.wrap(new STSClient({}), aws({ account: "1" }));
expectTypeOf(sts).toEqualTypeOf<STSClient>();
expectTypeOf(sts.send(new GetCallerIdentityCommand({}))).toEqualTypeOf<Promise<GetCallerIdentityCommandOutput>>();

const secrets = guard.wrap(new SecretsManagerClient({}), aws());
expectTypeOf(secrets).toEqualTypeOf<SecretsManagerClient>();
const secret = new GetSecretValueCommand({ SecretId: "s" });
expectTypeOf(secrets.send(secret)).toEqualTypeOf<Promise<GetSecretValueCommandOutput>>();

const document = guard.wrap(DynamoDBDocumentClient.from(new DynamoDBClient({})), aws());
expectTypeOf(document).toEqualTypeOf<DynamoDBDocumentClient>();
const get = new GetCommand({ TableName: "t", Key: { id: "1" } });
expectTypeOf(document.send(get)).toEqualTypeOf<Promise<GetCommandOutput>>();
expectTypeOf(guard.wrap(DynamoDBDocument.from(new DynamoDBClient({})), aws())).toEqualTypeOf<DynamoDBDocument>();

expectTypeOf(guard.unwrap(ec2)).toEqualTypeOf<EC2Client>();

// @ts-expect-error something without middleware is no client of the SDK
guard.wrap({ send() {} }, aws());
// @ts-expect-error the metadata service is left alone by `false` alone
aws({ imds: true });
// @ts-expect-error an unknown option
aws({ region: "eu-central-1" });
