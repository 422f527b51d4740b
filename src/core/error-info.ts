import type { ErrorClass, ErrorInfo } from "./errors.ts";

const outageCodes =
  /^(ECONN(RESET|REFUSED|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_\w+|TimeoutError)$/;

/** What an HTTP status means, whoever sent it. */
export function classOfStatus(status: number): "ok" | ErrorClass {
  if (status < 400) return "ok";
  switch (status) {
    case 401:
      return "unauthenticated";
    case 403:
      return "denied";
    case 404:
    case 410:
      return "not-found";
    case 408:
      return "outage";
    case 409:
    case 412:
    case 423:
      return "conflict";
    case 429:
      return "throttled";
    case 501:
      return "invalid";
  }
  return status >= 500 ? "outage" : "invalid";
}

/**
 * Reads `Retry-After`: seconds, or a date that is compared with the answer's own `Date`.
 * @returns Milliseconds, at most a day, or `undefined` where there is nothing readable.
 */
export function retryAfterMs(value: string | null | undefined, date?: string | null): number | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.parse(date ?? "");
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, 86_400_000) : undefined;
}

/** What `fetch` rejects with when there is no answer, whatever the reason. */
const isFetchFailure = (error: unknown) => error instanceof TypeError && error.message === "fetch failed";

/** The fields that HTTP clients put on their errors, each checked for its type. */
function fieldsOf(error: unknown) {
  if (typeof error !== "object" || error === null) return {};
  const { name, code, status, statusCode, cause } = error as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === "string" && /^[\w.:-]{1,64}$/.test(value) ? value : undefined);
  const number = [status, statusCode].find((value) => Number.isInteger(value) && (value as number) >= 100);
  const inner = typeof cause === "object" && cause !== null ? text((cause as Record<string, unknown>).code) : undefined;
  return { name: text(name), code: text(code) ?? inner, status: number as number | undefined };
}

/**
 * Reads any error by what HTTP clients commonly put on it: status, name, code. Never throws.
 *
 * @param error - Whatever was caught.
 * @returns What it means; `outage` where no answer came, `unknown` where nothing tells.
 * @example
 * import { readErrorInfo } from "provider-guard";
 * readErrorInfo(Object.assign(new Error("slow down"), { status: 429 })).class; // "throttled"
 */
export function readErrorInfo(error: unknown): ErrorInfo {
  try {
    const { name, code, status } = fieldsOf(error);
    const details = { ...(code === undefined ? {} : { code }), ...(status === undefined ? {} : { status }) };
    if (name === "AbortError") return { class: "aborted", ...details };
    if (status !== undefined) {
      const meaning = classOfStatus(status);
      return { class: meaning === "ok" ? "unknown" : meaning, ...details };
    }
    if (outageCodes.test(code ?? "") || name === "TimeoutError" || isFetchFailure(error))
      return { class: "outage", ...details };
    return { class: "unknown", ...details };
  } catch {
    return { class: "unknown" }; // a hostile getter threw
  }
}
