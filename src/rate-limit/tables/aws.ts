import type { BucketKey, LimitRule } from "../../core/limit-rule.ts";
import { ec2Limits } from "./aws-ec2.ts";
import { elbLimits } from "./aws-elb.ts";

/** Services whose calls move data: AWS scales them by item, prefix or key, not by calls of an account. */
const dataPlanes = ["S3", "DynamoDB", "SQS", "SNS", "CloudWatchLogs", "Kinesis", "Firehose", "KMS", "Lambda"];
const data =
  "none published for an account: these services scale by partition, prefix, key or queue; a default of ours against runaway loops";
const own =
  "none published that is common to AWS's other APIs; a cautious default of ours, set rules of your own where your quota says otherwise";

const per: readonly BucketKey[] = ["account", "region", "service"];

/**
 * AWS's throttle table: EC2 and Elastic Load Balancing as published, and defaults of ours by class
 * for the rest. The `aws` adapter brings it along.
 */
export const awsLimits: readonly LimitRule[] = [
  ...ec2Limits,
  ...elbLimits,
  ...dataPlanes.map(
    (service): LimitRule => ({
      name: `${service.toLowerCase()}-data`,
      cloud: "aws",
      service,
      burst: 2000,
      ratePerSecond: 1000,
      per,
      source: data,
    }),
  ),
  { name: "aws-read", cloud: "aws", kinds: ["read"], burst: 50, ratePerSecond: 10, per, source: own },
  { name: "aws-mutating", cloud: "aws", burst: 50, ratePerSecond: 5, per, source: own },
];
