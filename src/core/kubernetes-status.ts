import { classOfStatus } from "./class-of-status.ts";
import type { ErrorClass, ErrorInfo } from "./errors.ts";
import { type HeaderReader, headerReader } from "./header-reader.ts";
import { readRetryAfter } from "./retry-after.ts";

/** Kubernetes' own reasons, and the causes that say more than their reason does. */
const meanings: ReadonlyMap<string, ErrorClass> = new Map([
  ["Unauthorized", "unauthenticated"],
  ["Forbidden", "denied"],
  ["NamespaceTerminating", "conflict"], // a 403 that is about the namespace's state, not about our rights
  ["NotFound", "not-found"],
  ["AlreadyExists", "conflict"],
  ["Conflict", "conflict"],
  // What was read is too old to go on from; the object may well be there, and so is the server.
  ["Gone", "conflict"],
  ["Expired", "conflict"],
  ["TooManyRequests", "throttled"],
  ["DisruptionBudget", "conflict"], // a 429 about one pod's budget: nothing else need slow down
  ["ServerTimeout", "outage"],
  ["Timeout", "outage"],
  ["StoreReadError", "outage"],
  ["InternalError", "outage"],
  ["ServiceUnavailable", "outage"],
  ["Invalid", "invalid"],
  ["BadRequest", "invalid"],
  ["MethodNotAllowed", "invalid"],
  ["NotAcceptable", "invalid"],
  ["RequestEntityTooLarge", "invalid"],
  ["UnsupportedMediaType", "invalid"],
]);
const tellingCauses = ["NamespaceTerminating", "DisruptionBudget"];

type Fields = Readonly<Record<string, unknown>>;

/** The members of any value. */
export const fieldsOf = (value: unknown) => (typeof value === "object" && value !== null ? value : {}) as Fields;

/** The object in a body: text, or what a client made of it. */
function objectIn(body: unknown): Fields {
  if (typeof body !== "string") return fieldsOf(body);
  try {
    return body.length <= 65_536 ? fieldsOf(JSON.parse(body)) : {};
  } catch {
    return {}; // a proxy's HTML page
  }
}

/** The `Status` that an error of any client holds: as its body, its answer's, or as what it is itself. */
export function statusObjectIn(error: Fields): Fields | undefined {
  const { body, response } = error;
  const { body: read, data } = fieldsOf(response);
  for (const held of [error, body, read, data]) {
    if (typeof held === "string" && !held.includes('"Status"')) continue;
    const object = objectIn(held);
    if (object.kind === "Status" && typeof object.code === "number" && object.code >= 400) return object;
  }
  return undefined;
}

function codeIn({ reason, details }: Fields): string | undefined {
  const { causes } = fieldsOf(details);
  for (const cause of Array.isArray(causes) ? causes.slice(0, 16) : []) {
    const telling = tellingCauses.find((name) => fieldsOf(cause).reason === name);
    if (telling !== undefined) return telling;
  }
  return typeof reason === "string" && /^[A-Za-z]{1,64}$/.test(reason) ? reason : undefined;
}

function retryAfterIn({ details }: Fields): number | undefined {
  const seconds = fieldsOf(details).retryAfterSeconds;
  return typeof seconds === "number" && seconds > 0 && seconds <= 86_400 ? seconds * 1000 : undefined;
}

/** Priority and Fairness: which flow schema a request fell under, and whose seats it waited for. */
const queueHeaders = ["x-kubernetes-pf-flowschema-uid", "x-kubernetes-pf-prioritylevel-uid"];

/** The id under which the server's audit log keeps the request, and where it was queued. */
export function traceOf(header: HeaderReader): Pick<ErrorInfo, "requestId" | "headers"> {
  const id = header("audit-id");
  const queued = queueHeaders.flatMap((name) => {
    const uid = header(name);
    return uid !== undefined && /^[\w-]{1,64}$/.test(uid) ? [[name, uid]] : [];
  });
  return {
    ...(id === undefined || id.length > 128 ? {} : { requestId: id }),
    ...(queued.length === 0 ? {} : { headers: Object.fromEntries(queued) }),
  };
}

/** What a failed answer of an API server means. */
export function readFailure(status: number, headers: unknown, body: unknown): ErrorInfo {
  const header = headerReader(headers);
  const object = objectIn(body);
  const code = codeIn(object);
  const byStatus = status === 410 ? "conflict" : classOfStatus(status);
  const meaning = (code === undefined ? undefined : meanings.get(code)) ?? (byStatus === "ok" ? "unknown" : byStatus);
  const waitMs = readRetryAfter(header) ?? retryAfterIn(object);
  return {
    class: meaning,
    status,
    ...(code === undefined ? {} : { code }),
    ...traceOf(header),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  };
}
