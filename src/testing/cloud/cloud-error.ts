/** What the simulated cloud can answer, or a connection to it can do, instead of a result. */
export type CloudErrorCode =
  | "ConnectionReset"
  | "Denied"
  | "DependencyViolation"
  | "IdempotencyMismatch"
  | "IncorrectState"
  | "InternalError"
  | "Invalid"
  | "NotFound"
  | "RequestTimeout"
  | "Throttled"
  | "Unauthenticated"
  | "Unavailable";

const statuses: Partial<Record<CloudErrorCode, number>> = {
  Denied: 403,
  DependencyViolation: 409,
  IdempotencyMismatch: 409,
  IncorrectState: 409,
  InternalError: 500,
  Invalid: 400,
  NotFound: 404,
  Throttled: 429,
  Unauthenticated: 401,
  Unavailable: 503,
};

/** Details of a {@link CloudError}. */
export interface CloudErrorDetails {
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** What is wrong with the request, in constant words and the names of fields. Never a value. */
  readonly reason?: string | undefined;
}

/**
 * The simulated cloud's own error, as an SDK would throw it. Its message holds no input and no credential.
 *
 * @example
 * import { CloudError } from "provider-guard/testing";
 * const gone = (error: unknown) => error instanceof CloudError && error.code === "NotFound";
 */
export class CloudError extends Error {
  readonly code: CloudErrorCode;
  /** HTTP status; `undefined` where no answer came back. */
  readonly status: number | undefined;
  /** Milliseconds after which the cloud wants to hear again; with `Throttled` only. */
  readonly retryAfterMs: number | undefined;
  /** `undefined` where no answer came back. */
  readonly requestId: string | undefined;
  /** What is wrong with the request, in constant words and the names of fields. */
  readonly reason: string | undefined;

  constructor(code: CloudErrorCode, details: CloudErrorDetails = {}) {
    super(details.reason === undefined ? code : `${code}: ${details.reason}`);
    this.name = "CloudError";
    this.code = code;
    this.status = statuses[code];
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId;
    this.reason = details.reason;
  }
}
