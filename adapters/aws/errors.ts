import { classOfStatus } from "../../src/core/class-of-status.ts";
import type { ErrorClass, ErrorInfo } from "../../src/core/errors.ts";
import { traceOf } from "./headers.ts";
import { fieldsOf } from "./tag-styles.ts";

/** Codes that the patterns below would read wrongly, or not at all. */
const exact: Readonly<Record<string, ErrorClass>> = {
  AbortError: "aborted",
  ABORT_ERR: "aborted",
  // What makes a call wait its turn.
  BandwidthLimitExceeded: "throttled",
  EC2ThrottledException: "throttled",
  PriorRequestNotComplete: "throttled",
  ProvisionedThroughputExceededException: "throttled",
  RequestLimitExceeded: "throttled",
  SlowDown: "throttled",
  TransactionInProgressException: "throttled",
  // A quota or a lack of machines of one kind: waiting our turn does not help, and the service is well.
  InsufficientAddressCapacity: "conflict",
  InsufficientCapacity: "conflict",
  InsufficientCapacityOnHost: "conflict",
  InsufficientFreeAddressesInSubnet: "conflict",
  InsufficientHostCapacity: "conflict",
  InsufficientInstanceCapacity: "conflict",
  InsufficientVolumeCapacity: "conflict",
  MaxSpotInstanceCountExceeded: "conflict",
  ServiceQuotaExceededException: "conflict",
  // One volume was snapshot or changed too often; the account's other calls are not throttled.
  SnapshotCreationPerVolumeRateExceeded: "conflict",
  VolumeModificationRateExceeded: "conflict",
  TooManyTagsException: "invalid",
  // Who we are.
  AuthFailure: "unauthenticated",
  CredentialsProviderError: "unauthenticated",
  IncompleteSignature: "unauthenticated",
  IncompleteSignatureException: "unauthenticated",
  InvalidAccessKeyId: "unauthenticated",
  InvalidClientTokenId: "unauthenticated",
  InvalidSignatureException: "unauthenticated",
  InvalidToken: "unauthenticated",
  MissingAuthenticationToken: "unauthenticated",
  MissingAuthenticationTokenException: "unauthenticated",
  RequestExpired: "unauthenticated",
  RequestTimeTooSkewed: "unauthenticated",
  SignatureDoesNotMatch: "unauthenticated",
  TokenRefreshRequired: "unauthenticated",
  UnrecognizedClientException: "unauthenticated",
  // What we may do.
  Blocked: "denied",
  KMSAccessDeniedException: "denied",
  NotAuthorized: "denied",
  OperationNotPermitted: "denied",
  OptInRequired: "denied",
  PendingVerification: "denied",
  // The state that something is in.
  BucketNotEmpty: "conflict",
  DependencyViolation: "conflict",
  IdempotentInstanceTerminated: "conflict",
  IdempotentParameterMismatch: "conflict",
  IncorrectInstanceState: "conflict",
  IncorrectState: "conflict",
  InvalidRequestException: "conflict", // Secrets Manager's word for "not in this state"
  InvalidObjectState: "conflict",
  OperationAborted: "conflict",
  PreconditionFailed: "conflict",
  VolumeInUse: "conflict",
  VpcLimitExceeded: "conflict",
  // The road or the other end.
  ECONNREFUSED: "outage",
  ECONNRESET: "outage",
  EAI_AGAIN: "outage",
  EHOSTUNREACH: "outage",
  ENETUNREACH: "outage",
  ENOTFOUND: "outage",
  EPIPE: "outage",
  ETIMEDOUT: "outage",
  InternalError: "outage",
  InternalFailure: "outage",
  NetworkingError: "outage",
  RequestTimeout: "outage",
  RequestTimeoutException: "outage",
  ServiceUnavailable: "outage",
  TimeoutError: "outage",
  Unavailable: "outage",
  // What we asked.
  DryRunOperation: "invalid",
  SerializationException: "invalid",
  UnsupportedOperation: "invalid",
};

const patterns: readonly (readonly [RegExp, ErrorClass])[] = [
  [/Throttl|TooManyRequests|RequestLimitExceeded/, "throttled"],
  [/Expired(?:Token)?(?:Exception)?$|^ExpiredToken/, "unauthenticated"],
  [/AccessDenied|Unauthori[sz]ed|Forbidden|NotAuthorized/, "denied"],
  [/NotFound(?:Exception|Fault)?$|^NoSuch|NonExistent|DoesNotExist|\.Unknown$/, "not-found"],
  [
    /AlreadyExist|AlreadyOwned|Duplicate|InUse|Conflict|Idempotent|InvalidState|PendingDeletion|ConcurrentModification/,
    "conflict",
  ],
  [/(?:Limit|Quota)(?:s?)Exceeded|InsufficientCapacity|^TooMany/, "conflict"],
  [/^(?:ECONN|ENET|EHOST|EAI_|ERR_HTTP2|ERR_TLS|CERT_|UND_ERR)/, "outage"],
  [/ServerException$|^Service(?:Failure|Exception)$|^InternalServer/, "outage"],
  [/^Invalid|^Malformed|^Missing|^Unsupported|^Unknown|Validation|ParameterCombination|BadRequest/, "invalid"],
];

function byStatus(status: number | undefined): ErrorClass {
  const meaning = status === undefined ? "ok" : classOfStatus(status);
  return meaning === "ok" ? "unknown" : meaning;
}

function byCode(code: string): ErrorClass | undefined {
  if (Object.hasOwn(exact, code)) return exact[code];
  return patterns.find(([pattern]) => pattern.test(code))?.[1];
}

const codeText = /^[\w.:#-]{1,128}$/;

/** The names an error goes by: the SDK's own first, then Node's. */
function codesOf(error: unknown): string[] {
  const { name, Code, code } = fieldsOf(error);
  return [name, Code, code].flatMap((value) =>
    typeof value === "string" && value !== "Error" && codeText.test(value) ? [value.split("#").at(-1) as string] : [],
  );
}

function read(error: unknown): ErrorInfo {
  const { $metadata, $response, $retryable, retryAfterSeconds } = fieldsOf(error);
  const trace = traceOf($metadata, $response);
  const codes = codesOf(error);
  const code = codes.find((each) => byCode(each) !== undefined) ?? codes[0];
  const meaning = code === undefined ? undefined : byCode(code);
  const throttling = fieldsOf($retryable).throttling === true;
  const seconds = Number(retryAfterSeconds ?? Number.NaN);
  return {
    class: throttling ? "throttled" : (meaning ?? byStatus(trace.status)),
    ...(code === undefined ? {} : { code }),
    ...trace,
    ...(trace.retryAfterMs === undefined && seconds >= 0 && seconds < 86_400 ? { retryAfterMs: seconds * 1000 } : {}),
  };
}

/**
 * Says what an error of the AWS SDK, or of the network below it, means. Never throws.
 *
 * @param error - Anything that was thrown.
 */
export function classifyError(error: unknown): ErrorInfo {
  try {
    return read(error);
  } catch {
    return { class: "unknown" }; // a getter or a proxy threw
  }
}
