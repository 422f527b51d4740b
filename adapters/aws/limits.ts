import type { LimitRule } from "../../src/core/limit-rule.ts";

const ec2 = 'EC2 developer guide, "Request throttling for the Amazon EC2 API", read 2026-11';
const own =
  "a cautious default of ours, like EC2's: AWS publishes no figure that is common to these APIs; set rules of your own where your quota says otherwise";

function ec2Rule(
  name: string,
  ratePerSecond: number,
  burst: number,
  match: Pick<LimitRule, "operations" | "kinds">,
): LimitRule {
  return { name: `ec2-${name}`, cloud: "aws", service: "EC2", ratePerSecond, burst, source: ec2, ...match };
}

/** Services whose calls move data: AWS scales them by item, prefix or key, not by calls of an account. */
const dataPlanes = ["S3", "DynamoDB", "SQS", "SNS", "CloudWatchLogs", "Kinesis", "Firehose", "KMS", "Lambda"];
const data =
  "a default of ours against runaway loops: these services scale by partition, prefix, key or queue, and have no common figure for an account";

/**
 * AWS's throttle table: EC2 by API action as published, and defaults of ours for the rest.
 * RunInstances also needs a resource token for each instance; those are not counted here.
 */
export const limits: readonly LimitRule[] = [
  ec2Rule("run-instances", 2, 5, { operations: ["RunInstances"] }),
  ec2Rule("create-tags", 10, 100, { operations: ["CreateTags"] }),
  ec2Rule("create-vpc-endpoint", 0.3, 4, { operations: ["CreateVpcEndpoint"] }),
  // Unfiltered, unpaginated describes have 10 and 50; a rule sees only the operation's name.
  ec2Rule("describe", 20, 100, { operations: ["Describe*"] }),
  ec2Rule("read", 20, 100, { kinds: ["read"] }),
  ec2Rule("mutating", 5, 50, { kinds: ["create", "update", "delete"] }),
  ...dataPlanes.map(
    (service): LimitRule => ({
      name: `${service.toLowerCase()}-data`,
      cloud: "aws",
      service,
      ratePerSecond: 1000,
      burst: 2000,
      source: data,
    }),
  ),
  { name: "aws-read", cloud: "aws", kinds: ["read"], ratePerSecond: 10, burst: 50, source: own },
  {
    name: "aws-mutating",
    cloud: "aws",
    kinds: ["create", "update", "delete"],
    ratePerSecond: 5,
    burst: 50,
    source: own,
  },
];
