/**
 * Every failure the guard itself can raise. The cloud SDK's own errors are never
 * wrapped: they pass through untouched, and `requeueAfter` understands both.
 */
export type ErrorCode =
  | "ERR_ADAPTER_BYPASSED"
  | "ERR_ADAPTER_MISMATCH"
  | "ERR_AUDIT_CORRUPT"
  | "ERR_AUDIT_LOCKED"
  | "ERR_AUDIT_NOT_SHIPPED"
  | "ERR_AUDIT_UNAVAILABLE"
  | "ERR_BOOTSTRAP_IMPOSSIBLE"
  | "ERR_BOOTSTRAP_INVALID"
  | "ERR_BOOTSTRAP_NOT_CLEAN"
  | "ERR_BOOTSTRAP_STORE_UNAVAILABLE"
  | "ERR_BOOTSTRAP_UNSEALED"
  | "ERR_CHECKPOINT_INCONSISTENT"
  | "ERR_CHECKPOINT_INVALID"
  | "ERR_CHECKPOINT_UNSIGNED"
  | "ERR_CHECKPOINT_UNWITNESSED"
  | "ERR_CIRCUIT_OPEN"
  | "ERR_COLLECTOR_BUSY"
  | "ERR_COLLECTOR_LOST"
  | "ERR_CONFIG_INVALID"
  | "ERR_CREDENTIAL_UNAVAILABLE"
  | "ERR_FREEZE_ACTIVE"
  | "ERR_GUARD_ALREADY_WRAPPED"
  | "ERR_GUARD_CLOSED"
  | "ERR_LEADER_LOST"
  | "ERR_LIST_INCOMPLETE"
  | "ERR_OPERATION_UNKNOWN"
  | "ERR_OWNERS_SUSPECT"
  | "ERR_OWNER_FOREIGN"
  | "ERR_OWNER_INVALID"
  | "ERR_OWNER_MISSING"
  | "ERR_OWNER_RESERVED_TAG"
  | "ERR_OWNER_UNKNOWN"
  | "ERR_OWNER_UNRESOLVED"
  | "ERR_OWNER_UNTAGGABLE"
  | "ERR_QUOTA_EXCEEDED"
  | "ERR_RATE_LIMIT_DEADLINE"
  | "ERR_RATE_LIMIT_QUEUE_FULL"
  | "ERR_RATE_LIMIT_TOO_LARGE"
  | "ERR_STATE_UNAVAILABLE";

const brand = Symbol.for("provider-guard.error");

/** Details that accompany an error code. */
export interface GuardErrorOptions {
  /** Whether the same call may succeed later without anybody changing anything. @defaultValue false */
  readonly retryable?: boolean;
  /** How long a controller should wait before it looks again, in milliseconds. */
  readonly requeueAfterMs?: number;
  /** What led to this error. Kept for logs, never copied into the message. */
  readonly cause?: unknown;
}

/**
 * The one error class of the library. Its message names the path or the cause and
 * what to do, and holds no secret.
 *
 * @example
 * import { isGuardError } from "provider-guard";
 * try {
 *   throw new Error("anything");
 * } catch (error) {
 *   if (isGuardError(error) && error.code === "ERR_CIRCUIT_OPEN") console.log(error.requeueAfterMs);
 * }
 */
export class GuardError extends Error {
  /** Stable, documented identifier of the failure. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** How long a controller should wait before it looks again, in milliseconds. */
  readonly requeueAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: GuardErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GuardError";
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.requeueAfterMs = options.requeueAfterMs;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Recognises errors of another copy of this library too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && brand in value;
  }
}

/**
 * Tells whether an error was raised by the guard (by any copy of this library).
 *
 * @param error - Anything that was caught.
 * @returns `true` for a {@link GuardError}.
 */
export function isGuardError(error: unknown): error is GuardError {
  return error instanceof GuardError;
}

/** What a cloud's error means, whatever SDK it came from. */
export type ErrorClass =
  | "throttled"
  | "denied"
  | "unauthenticated"
  | "not-found"
  | "conflict"
  | "outage"
  | "invalid"
  | "aborted"
  | "unknown";

/** An adapter's reading of one SDK error. */
export interface ErrorInfo {
  readonly class: ErrorClass;
  /** The cloud's own name for the error, e.g. `RequestLimitExceeded`. Never its message. */
  readonly code?: string | undefined;
  /** What the cloud asked for in `Retry-After` or its like, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  /** Headers of the answer that its span keeps, by names in lower case: what says why the service treated it so. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
}

const seen = new WeakMap<object, ErrorInfo>();

/** Remembers an adapter's reading of an SDK error, so that `requeueAfter` can use it later. */
export function noteErrorInfo(error: unknown, info: ErrorInfo): void {
  if (typeof error === "object" && error !== null) seen.set(error, info);
}

/** An adapter's reading of an SDK error, if it noted one. */
export function notedErrorInfo(error: unknown): ErrorInfo | undefined {
  return typeof error === "object" && error !== null ? seen.get(error) : undefined;
}
