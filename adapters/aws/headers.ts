import type { Answer } from "../../src/core/call.ts";
import { fieldsOf } from "./tag-styles.ts";

/** What an answer's metadata and headers say of the request. */
export type Trace = Pick<Answer, "requestId" | "status" | "retryAfterMs">;

function headersOf(response: unknown): ReadonlyMap<string, string> {
  const headers = fieldsOf(fieldsOf(response).headers);
  return new Map(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === "string" ? [[name.toLowerCase(), value] as const] : [],
    ),
  );
}

const longestMs = 24 * 60 * 60 * 1000;

function bounded(ms: number): number | undefined {
  return Number.isFinite(ms) && ms >= 0 ? Math.min(Math.ceil(ms), longestMs) : undefined;
}

/** `Retry-After` in seconds or as a date, which is read against the server's own clock. */
function retryAfterMs(headers: ReadonlyMap<string, string>): number | undefined {
  const own = headers.get("x-amz-retry-after");
  if (own !== undefined && /^\d+(\.\d+)?$/.test(own)) return bounded(Number(own));
  const text = headers.get("retry-after");
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1000);
  return bounded(Math.max(0, Date.parse(text) - Date.parse(headers.get("date") ?? "")));
}

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
  const { statusCode } = fieldsOf(response);
  const status = integer(httpStatusCode) ?? integer(statusCode);
  let requestId = text(known);
  let waitMs: number | undefined;
  if (requestId === undefined || (status !== undefined && status >= 400)) {
    const headers = headersOf(response);
    requestId ??= text(headers.get("x-amzn-requestid") ?? headers.get("x-amz-request-id") ?? headers.get("x-amz-id-2"));
    waitMs = retryAfterMs(headers);
  }
  return { requestId, status, retryAfterMs: waitMs };
}
