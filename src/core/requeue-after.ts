import { readErrorInfo } from "./error-info.ts";
import { type ErrorClass, type ErrorInfo, isGuardError, notedErrorInfo } from "./errors.ts";

const defaultsMs: Partial<Record<ErrorClass, number>> = {
  throttled: 10_000,
  outage: 30_000,
  unauthenticated: 60_000,
  conflict: 5_000,
  aborted: 30_000,
  unknown: 30_000,
};

/** Somebody wrote in between: whoever reads again can go on. Other conflicts last as long as what they wait for. */
const soonMs = 1_000;
const staleCodes = new Set(["Conflict", "AlreadyExists", "Expired", "Gone"]);
const isStale = ({ class: kind, code, status }: ErrorInfo) =>
  kind === "conflict" && (status === 412 || (code !== undefined && staleCodes.has(code)));

/**
 * Answers what a controller asks after a failed reconcile: when to look again.
 *
 * @param error - Whatever was thrown: a {@link GuardError}, or the error of a client, guarded or not.
 * @returns Milliseconds to wait: what the service asked for, or a second after a write that came between
 *   reading and writing. `undefined` where waiting changes nothing (a denied or invalid request, a
 *   foreign owner): look again when the object or the configuration changes, or after minutes.
 * @example
 * import { requeueAfter } from "provider-guard";
 * const result = { requeueAfterMs: requeueAfter(new Error("socket hang up")) }; // 30000
 */
export function requeueAfter(error: unknown): number | undefined {
  if (isGuardError(error)) {
    return error.requeueAfterMs ?? (error.retryable ? 10_000 : undefined);
  }
  const info = notedErrorInfo(error) ?? readErrorInfo(error);
  return info.retryAfterMs ?? (isStale(info) ? soonMs : defaultsMs[info.class]);
}
