import { classOfStatus } from "./class-of-status.ts";
import type { ErrorClass, ErrorInfo } from "./errors.ts";
import { tooFastReason } from "./google-reason.ts";
import { grpcStatus } from "./grpc-status.ts";
import { headerReader } from "./header-reader.ts";
import { fieldsOf, readFailure, statusObjectIn } from "./kubernetes-status.ts";
import { readRetryAfter } from "./retry-after.ts";

const outageCodes =
  /^(ECONN(RESET|REFUSED|ABORTED)|EPIPE|EPROTO|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_\w+|TimeoutError)$/;
/** Of Node's TLS: whoever is there is not known to be the service. */
const tlsCodes = /^(CERT_\w+|UNABLE_TO_\w+|(DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|ERR_TLS_\w+|ERR_SSL_\w+)$/;

type Fields = Readonly<Record<string, unknown>>;

/** A name, not a sentence, which may hold a secret, and not a number. */
const nameIn = (value: unknown) =>
  typeof value === "string" && /^[\w.:-]{1,64}$/.test(value) && /\D/.test(value) ? value : undefined;

/** What `fetch` rejects with when there is no answer, whatever the reason. */
const isFetchFailure = (error: unknown) => error instanceof TypeError && error.message === "fetch failed";

/** The HTTP status, wherever a client keeps it: axios and gaxios on the response, Kubernetes's client in `code`. */
function statusOf({ status, statusCode, code, response }: Fields): number | undefined {
  const own = [status, statusCode, fieldsOf(response).status, fieldsOf(response).statusCode].find(
    (value) => Number.isInteger(value) && (value as number) >= 100,
  );
  if (own !== undefined) return own as number;
  return /^[45]\d\d$/.test(String(code)) ? Number(code) : undefined;
}

function meaningOf(error: unknown, fields: Fields, status: number | undefined, code: string | undefined): ErrorClass {
  const name = nameIn(fields.name);
  if (name === "AbortError") return "aborted";
  if (status !== undefined) {
    const meaning = classOfStatus(status);
    return meaning === "ok" ? "unknown" : meaning;
  }
  if (outageCodes.test(code ?? "") || tlsCodes.test(code ?? "") || name === "TimeoutError" || isFetchFailure(error))
    return "outage";
  return grpcStatus(fields)?.[1] ?? "unknown";
}

function read(error: unknown): ErrorInfo {
  const fields = fieldsOf(error);
  const { response, headers, cause } = fields;
  const status = statusOf(fields);
  const kubernetes = statusObjectIn(fields);
  if (kubernetes !== undefined) {
    return readFailure(status ?? (kubernetes.code as number), fieldsOf(response).headers ?? headers, kubernetes);
  }
  const given = nameIn(fields.code) ?? grpcStatus(fields)?.[0] ?? nameIn(fieldsOf(cause).code);
  const meaning = meaningOf(error, fields, status, given);
  const reason =
    meaning === "denied" ? (tooFastReason(error) ?? tooFastReason(fieldsOf(fieldsOf(response).data).error)) : undefined;
  const code = reason ?? given;
  const waitMs = readRetryAfter(headerReader(fieldsOf(response).headers ?? headers));
  return {
    class: reason === undefined ? meaning : "throttled",
    ...(code === undefined ? {} : { code }),
    ...(status === undefined ? {} : { status }),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  };
}

/**
 * Reads any error by what HTTP and gRPC clients commonly put on it: status, name, code, Google's
 * reasons, a `Status` of Kubernetes, `Retry-After`. Never throws.
 *
 * @param error - Whatever was caught.
 * @returns What it means; `outage` where no answer came, `unknown` where nothing tells.
 * @example
 * import { readErrorInfo } from "provider-guard";
 * readErrorInfo(Object.assign(new Error("slow down"), { status: 429 })).class; // "throttled"
 */
export function readErrorInfo(error: unknown): ErrorInfo {
  try {
    return read(error);
  } catch {
    return { class: "unknown" }; // a hostile getter threw
  }
}
