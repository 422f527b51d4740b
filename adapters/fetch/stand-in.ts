import type { Port } from "../../src/core/adapter.ts";
import type { Attempt } from "../../src/core/call.ts";
import { GuardError } from "../../src/core/errors.ts";
import { locate } from "../../src/core/locate.ts";
import type { FetchAdapterOptions } from "./options.ts";
import { noteRefusalReason } from "./refusal-reason.ts";
import { type FetchLike, readRequest, sendRequest } from "./request.ts";
import { type Match, type Route, routeTable } from "./routes.ts";
import { bodies, type HttpInput, inputOf } from "./tags.ts";

const bearer = (value: unknown) => ({ authorization: `Bearer ${String(value)}` });

/** A path for an error message: a segment that may be an id or a secret is left out. */
function shown(path: string): string {
  return path.replace(/[^/]+/g, (segment) => (/^(v\d+\w*|[A-Za-z_-]{1,32})$/.test(segment) ? segment : "…"));
}

/** The idempotency token that the caller put into a header. */
function ownToken({ token }: Route, input: string | URL | Request, init: RequestInit | undefined) {
  if (token === undefined || !("header" in token)) return {};
  const headers = init?.headers ?? (input as Partial<Request>).headers;
  const own = headers === undefined ? null : new Headers(headers).get(token.header);
  return own === null ? {} : { [token.header]: own };
}

/** The function that stands in for a fetch. */
export function standIn(
  fetch: FetchLike,
  options: FetchAdapterOptions,
  port: Port,
  isActive: () => boolean,
): FetchLike {
  const { unknownRoutes = "refuse", authorize = bearer, intentHeader } = options;
  const place = { service: options.cloud, ...locate(options) };
  const find = routeTable(options.routes, options.basePath ?? "");

  function unknown(method: string): Match | undefined {
    const isRead = method === "GET" || method === "HEAD" || method === "OPTIONS";
    if (!isRead && unknownRoutes === "refuse") return undefined;
    return {
      route: { operation: isRead ? `Read:${method}` : `Unknown:${method}`, method, path: "/*", kind: "read" },
      params: {},
    };
  }

  async function credentialHeaders(attempt: Attempt): Promise<Readonly<Record<string, string>>> {
    const lease = port.credentials;
    return lease === undefined ? {} : authorize((lease.peek() ?? (await lease.get(attempt.call.signal))).value);
  }

  return async (input, init) => {
    if (!isActive()) return fetch(input, init);
    const { method, url, signal, json, repeatable } = await readRequest(input, init);
    const match = find(method, url.pathname) ?? unknown(method);
    if (match === undefined) {
      const message = `${method} ${shown(url.pathname)}: no route names this request; add it to the route table, or say unknownRoutes: "allow"`;
      throw new GuardError("ERR_OPERATION_UNKNOWN", message);
    }
    const { route, params } = match;
    const draft = {
      operation: route.operation,
      input: {
        method,
        path: route.path,
        params,
        query: url.search,
        headers: ownToken(route, input, init),
        body: json,
      } satisfies HttpInput,
      ...place,
      ...(signal === undefined ? {} : { signal }),
    };
    const send = async (attempt: Attempt) => {
      const { body, headers } = inputOf(attempt.call);
      const intent = intentHeader === undefined ? {} : { [intentHeader]: attempt.call.id };
      const all = { ...headers, ...intent, ...(await credentialHeaders(attempt)) };
      const response = await sendRequest(fetch, input, init, { json: body === json ? undefined : body, headers: all });
      if (response.status === 403) await noteRefusalReason(response, attempt.call.signal);
      return response;
    };
    return port.call(draft, async (call) => {
      const response = await port.attempt(call, send, { repeatable });
      if (options.seen !== undefined && response.ok && call.kind !== "delete") {
        bodies.set(
          response,
          await response
            .clone()
            .json()
            .catch(() => undefined),
        );
      }
      return response;
    });
  };
}
