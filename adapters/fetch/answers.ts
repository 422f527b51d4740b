import type { Answer } from "../../src/core/call.ts";
import { classOfStatus, retryAfterMs } from "../../src/core/error-info.ts";

const requestIdHeaders = [
  "x-request-id",
  "x-amzn-requestid",
  "x-amz-request-id",
  "x-ms-request-id",
  "x-openstack-request-id",
  "x-correlation-id",
];

function first(headers: Headers, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null && value.length <= 128) return value;
  }
  return undefined;
}

/** Reads what an HTTP response says about limits and identity; its body is left alone. */
export function readResponse(result: unknown): Answer {
  if (typeof result !== "object" || result === null) return { class: "ok" };
  const { status, headers } = result as Partial<Response>;
  if (typeof status !== "number" || typeof headers?.get !== "function") return { class: "ok" };
  const requestId = first(headers, requestIdHeaders);
  const waitMs = retryAfterMs(headers.get("retry-after"), headers.get("date"));
  const remaining = Number(first(headers, ["ratelimit-remaining", "x-ratelimit-remaining"]) ?? Number.NaN);
  return {
    class: classOfStatus(status),
    status,
    ...(requestId === undefined ? {} : { requestId }),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...(Number.isFinite(remaining) ? { remaining } : {}),
  };
}
