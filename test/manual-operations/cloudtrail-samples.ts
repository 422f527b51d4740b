// Records in the format of the AWS CloudTrail user guide, "CloudTrail log event reference"; accounts and ids are its examples'.

const account = "123456789012";

const controller = {
  type: "AssumedRole",
  principalId: "AROAIDPPEZS35WEXAMPLE:acme",
  arn: `arn:aws:sts::${account}:assumed-role/acme-controller/acme`,
  accountId: account,
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  sessionContext: {
    sessionIssuer: {
      type: "Role",
      principalId: "AROAIDPPEZS35WEXAMPLE",
      arn: `arn:aws:iam::${account}:role/acme-controller`,
      accountId: account,
      userName: "acme-controller",
    },
    attributes: { mfaAuthenticated: "false", creationDate: "2026-01-01T00:00:00Z" },
  },
};

const alice = {
  type: "IAMUser",
  principalId: "AIDAJ45Q7YFFAREXAMPLE",
  arn: `arn:aws:iam::${account}:user/Alice`,
  accountId: account,
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  userName: "Alice",
};

let records = 0;

/** One record as a delivered file has it. */
export function record(more: Record<string, unknown> = {}): Record<string, unknown> {
  records++;
  return {
    eventVersion: "1.11",
    userIdentity: controller,
    eventTime: "2026-01-01T00:00:01Z",
    eventSource: "ec2.amazonaws.com",
    eventName: "RunInstances",
    awsRegion: "eu-west-1",
    sourceIPAddress: "192.0.2.10",
    userAgent: "aws-sdk-js/3.1169.0 ua/2.1 os/linux lang/js md/nodejs#20.20.2 api/ec2#3.1169.0",
    requestParameters: { instancesSet: { items: [{ imageId: "ami-1", minCount: 1, maxCount: 1 }] } },
    responseElements: { instancesSet: { items: [{ instanceId: "i-0123456789abcdef0" }] } },
    requestID: `59dbff89-35bd-4eac-99ed-be587EXAMPLE${records}`,
    eventID: `6d8f3d70-6b2c-4c3b-8f6a-${String(records).padStart(12, "0")}`,
    readOnly: false,
    eventType: "AwsApiCall",
    managementEvent: true,
    recipientAccountId: account,
    eventCategory: "Management",
    ...more,
  };
}

/** One record of each class, and what it should be taken for. `call` lost its answer, `req-*` are in the journal. */
export const oneOfEach = (call: string): readonly (readonly [string, Record<string, unknown>])[] => [
  ["own", record({ requestID: "req-2" })],
  ["own-retry", record({ requestID: "req-1", errorCode: "Server.InternalError" })],
  ["own", record({ requestID: "lost", userAgent: `aws-sdk-js/3.1169.0 md/provider-guard-intent#${call}` })],
  ["own-unmatched", record({ requestID: "lost-2", eventName: "CreateVolume" })],
  [
    "cloud-service",
    record({
      userIdentity: { type: "AWSService", invokedBy: "autoscaling.amazonaws.com" },
      sourceIPAddress: "autoscaling.amazonaws.com",
      userAgent: "autoscaling.amazonaws.com",
    }),
  ],
  [
    "cloud-service",
    record({
      userIdentity: {
        ...controller,
        sessionContext: {
          sessionIssuer: {
            type: "Role",
            arn: `arn:aws:iam::${account}:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing`,
          },
        },
      },
    }),
  ],
  ["externally-managed", record({ userIdentity: alice, requestParameters: { clusterName: "theirs" } })],
  ["manual-console", record({ userIdentity: alice, sessionCredentialFromConsole: "true" })],
  ["manual-api", record({ userIdentity: alice, userAgent: "aws-cli/2.13.5 Python/3.11.4 exe/x86_64.amzn.2" })],
  ["stolen-credential", record({ eventName: "TerminateInstances", sourceIPAddress: "203.0.113.66" })],
];
