/** Google's words for "too fast". `quotaExceeded` is not among them: that quota does not come back by waiting. */
const tooFast = new Set([
  "rateLimitExceeded",
  "userRateLimitExceeded",
  "RATE_LIMIT_EXCEEDED",
  "USER_RATE_LIMIT_EXCEEDED",
  "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", // Compute's `rateLimitExceeded` for operations under way
]);

function* entries(list: unknown): Iterable<unknown> {
  if (Array.isArray(list)) for (const entry of list.slice(0, 16)) yield (entry as { reason?: unknown } | null)?.reason;
}

/**
 * Finds the reason for which Google's APIs refuse a call that came too fast. They answer 403, as to
 * what is forbidden.
 *
 * @param error - The `error` of an answer's JSON, or what a client threw.
 */
export function tooFastReason(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { reason, errors, details, statusDetails } = error as Readonly<Record<string, unknown>>;
  for (const found of [reason, ...entries(errors), ...entries(details), ...entries(statusDetails)]) {
    if (typeof found === "string" && tooFast.has(found)) return found;
  }
  return undefined;
}
