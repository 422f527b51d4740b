import type { Answer } from "../../src/core/call.ts";
import { headerReader } from "../../src/core/header-reader.ts";
import { readRetryAfter } from "../../src/core/retry-after.ts";
import { fieldsOf } from "./tag-styles.ts";

/** What an answer's metadata and headers say of the request. */
export type Trace = Pick<Answer, "requestId" | "status" | "retryAfterMs">;

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 256) : undefined;
}

const integer = (value: unknown) => (Number.isInteger(value) ? (value as number) : undefined);

/**
 * Reads request id, status and wait from the SDK's metadata, or from the raw answer.
 *
 * @param metadata - `$metadata` of an output or an error.
 * @param response - The raw answer, `$response` of an error.
 */
export function traceOf(metadata: unknown, response: unknown): Trace {
  const { requestId: known, httpStatusCode } = fieldsOf(metadata);
  const { statusCode, headers } = fieldsOf(response);
  const status = integer(httpStatusCode) ?? integer(statusCode);
  let requestId = text(known);
  let waitMs: number | undefined;
  if (requestId === undefined || (status !== undefined && status >= 400)) {
    const header = headerReader(headers);
    requestId ??= text(header("x-amzn-requestid") ?? header("x-amz-request-id") ?? header("x-amz-id-2"));
    waitMs = readRetryAfter(header);
  }
  return { requestId, status, retryAfterMs: waitMs };
}
