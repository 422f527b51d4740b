import { describe, expect, it } from "vitest";
import { aws } from "../../../adapters/aws/index.ts";

const { errors, answer } = aws();
const named = (name: string, more: object = {}) => Object.assign(new Error("secret text"), { name }, more);
const kindOf = (name: string) => errors(named(name)).class;

describe("errors", () => {
  it.each([
    ["throttled", "RequestLimitExceeded Throttling ThrottlingException SlowDown TooManyRequestsException"],
    [
      "throttled",
      "RequestThrottled ProvisionedThroughputExceededException EC2ThrottledException BandwidthLimitExceeded",
    ],
    [
      "throttled",
      "RequestThrottledException ThrottledException PriorRequestNotComplete TransactionInProgressException",
    ],
    ["throttled", "Client.RequestLimitExceeded Throttling.User com.amazonaws.kms#ThrottlingException"],
    ["denied", "UnauthorizedOperation AccessDenied AccessDeniedException OptInRequired KMSAccessDeniedException"],
    ["unauthenticated", "ExpiredToken ExpiredTokenException RequestExpired AuthFailure InvalidClientTokenId"],
    [
      "unauthenticated",
      "UnrecognizedClientException SignatureDoesNotMatch InvalidAccessKeyId CredentialsProviderError",
    ],
    [
      "not-found",
      "InvalidInstanceID.NotFound InvalidVpcID.NotFound NoSuchBucket NoSuchEntity ResourceNotFoundException",
    ],
    ["not-found", "DBInstanceNotFound NatGatewayNotFound LoadBalancerNotFoundException QueueDoesNotExist"],
    ["conflict", "DependencyViolation IncorrectState IncorrectInstanceState IdempotentParameterMismatch ResourceInUse"],
    [
      "conflict",
      "EntityAlreadyExists InvalidGroup.Duplicate InvalidKeyPair.Duplicate BucketAlreadyOwnedByYou VolumeInUse",
    ],
    ["conflict", "InstanceLimitExceeded VpcLimitExceeded LimitExceededException ServiceQuotaExceededException"],
    [
      "conflict",
      "SnapshotCreationPerVolumeRateExceeded TooManyBuckets TooManyTargetGroups InsufficientInstanceCapacity",
    ],
    ["outage", "InternalError ServiceUnavailable Unavailable TimeoutError RequestTimeout InternalServerException"],
    [
      "invalid",
      "ValidationException ValidationError InvalidParameterValue InvalidParameterCombination MissingParameter",
    ],
    ["invalid", "InvalidAMIID.Malformed UnsupportedOperation UnknownParameter MalformedPolicyDocument DryRunOperation"],
    ["aborted", "AbortError"],
    ["unknown", "SomethingNew"],
  ] as const)("%s: %s", (kind, names) => {
    for (const name of names.split(" ")) expect([name, kindOf(name)]).toEqual([name, kind]);
  });

  it("takes a shortage of machines of one kind for no outage, although EC2 answers 500", () => {
    const error = named("InsufficientInstanceCapacity", { $metadata: { httpStatusCode: 500 } });
    expect(errors(error).class).toBe("conflict");
  });

  it.each(["ECONNRESET", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EPIPE", "CERT_HAS_EXPIRED"])(
    "reads %s of the network as an outage",
    (code) => {
      expect(errors(Object.assign(new Error("x"), { code }))).toEqual({ class: "outage", code });
    },
  );

  it("goes by the status where the name says nothing", () => {
    const at = (httpStatusCode: number) => errors(named("Odd", { $metadata: { httpStatusCode } })).class;
    expect([401, 403, 404, 409, 412, 429, 400, 500, 503].map(at)).toEqual(
      "unauthenticated denied not-found conflict conflict throttled invalid outage outage".split(" "),
    );
    expect(errors(named("Odd", { $retryable: { throttling: true } })).class).toBe("throttled");
  });

  it("reads request id, status and wait, and never the message", () => {
    const error = named("SlowDown", {
      $metadata: { httpStatusCode: 503, requestId: "id-1" },
      $response: { statusCode: 503, headers: { "Retry-After": "7" } },
    });
    expect(errors(error)).toEqual({
      class: "throttled",
      code: "SlowDown",
      requestId: "id-1",
      status: 503,
      retryAfterMs: 7000,
    });
  });

  it("reads a date in Retry-After by the server's own clock", () => {
    const wait = (headers: Record<string, string>) =>
      errors(named("SlowDown", { $response: { statusCode: 503, headers } })).retryAfterMs;
    const date = "Sun, 01 Nov 2026 10:00:00 GMT";
    expect(wait({ "retry-after": "Sun, 01 Nov 2026 10:00:05 GMT", date })).toBe(5000);
    expect(wait({ "retry-after": "Sun, 01 Nov 2026 09:00:00 GMT", date })).toBe(0);
    expect(wait({ "retry-after": "Sun, 01 Nov 2026 10:00:05 GMT" })).toBeUndefined();
    expect(wait({ "retry-after": "soon" })).toBeUndefined();
    expect(wait({ "retry-after": "-5" })).toBeUndefined();
    expect(wait({ "retry-after": "9999999999" })).toBe(86_400_000);
    expect(wait({ "x-amz-retry-after": "1500" })).toBe(1500);
  });

  it("finds the request id in the headers where the SDK's metadata has none", () => {
    const id = (headers: Record<string, string>) =>
      errors(named("X", { $response: { statusCode: 500, headers } })).requestId;
    expect(id({ "x-amzn-RequestId": "a" })).toBe("a");
    expect(id({ "x-amz-request-id": "b", "x-amz-id-2": "c" })).toBe("b");
    expect(id({ "x-amz-id-2": "c" })).toBe("c");
  });

  it("survives anything", () => {
    const thrower = new Proxy(
      {},
      {
        get() {
          throw new Error("hostile");
        },
      },
    );
    const getter = Object.defineProperty({}, "name", {
      get() {
        throw new Error("hostile");
      },
    });
    const odd = {
      name: 5,
      $metadata: "x",
      $response: { headers: [1], statusCode: "500" },
      $retryable: 1,
      retryAfterSeconds: {},
    };
    for (const value of [
      undefined,
      null,
      0,
      "text",
      Symbol("s"),
      [],
      thrower,
      getter,
      odd,
      { name: "x".repeat(9999) },
      { name: "a b\n" },
    ]) {
      expect(errors(value)).toEqual(expect.objectContaining({ class: "unknown" }));
      expect(answer?.(value)).toEqual({ class: "ok" });
    }
    expect(errors({ name: "\u001b[31mevil" }).code).toBeUndefined();
  });

  it("reads a successful answer", () => {
    const output = { $metadata: { requestId: "r", httpStatusCode: 200 } };
    expect(answer?.({ response: {}, output })).toEqual({ class: "ok", requestId: "r", status: 200 });
    const response = { statusCode: 204, headers: { "x-amz-request-id": "raw" } };
    expect(answer?.({ response, output: {} })).toEqual({ class: "ok", requestId: "raw", status: 204 });
  });
});
