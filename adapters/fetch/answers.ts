import type { Answer } from "../../src/core/call.ts";
import { classOfStatus } from "../../src/core/class-of-status.ts";
import { type HeaderReader, headerReader } from "../../src/core/header-reader.ts";
import { readQuotaHeaders } from "../../src/core/quota-headers.ts";
import { readRetryAfter } from "../../src/core/retry-after.ts";
import { refusalReason } from "./refusal-reason.ts";

const requestIdHeaders = [
  "x-request-id",
  "x-amzn-requestid",
  "x-amz-request-id",
  "x-ms-request-id",
  "x-openstack-request-id",
  "x-correlation-id",
];

function requestIdIn(header: HeaderReader): string | undefined {
  for (const name of requestIdHeaders) {
    const value = header(name);
    if (value !== undefined && value.length <= 128) return value;
  }
  return undefined;
}

/** Reads what an HTTP response says about limits and identity; its body is left alone. */
export function readResponse(result: unknown): Answer {
  if (typeof result !== "object" || result === null) return { class: "ok" };
  const { status, headers } = result as Partial<Response>;
  if (typeof status !== "number" || typeof headers?.get !== "function") return { class: "ok" };
  const header = headerReader(headers);
  const requestId = requestIdIn(header);
  const waitMs = readRetryAfter(header);
  const reason = refusalReason(result);
  return {
    class: reason === undefined ? classOfStatus(status) : "throttled",
    status,
    ...(reason === undefined ? {} : { code: reason }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...readQuotaHeaders(header),
  };
}
