import * as z from "zod";
import type { Adapter, Classification, Port, SeenResource, TagSupport } from "../../src/core/adapter.ts";
import type { Attempt, Call } from "../../src/core/call.ts";
import { parseOptions } from "../../src/core/config.ts";
import { readErrorInfo } from "../../src/core/error-info.ts";
import { GuardError } from "../../src/core/errors.ts";
import type { LimitRule } from "../../src/core/limit-rule.ts";
import { idsIn, readPath, tagsIn, withPath } from "../../src/core/path.ts";
import { safely } from "../../src/core/safely.ts";
import type { TagCodec, Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import { readResponse } from "./answers.ts";
import { type FetchLike, readRequest, sendRequest } from "./request.ts";
import { type Match, type Route, routeTable } from "./routes.ts";

export type { FetchLike } from "./request.ts";
export type { Route } from "./routes.ts";

/** Options of {@link fetchAdapter}. */
export interface FetchAdapterOptions {
  /** Which cloud is spoken to; part of every limit's key. */
  readonly cloud: string;
  /** @defaultValue the cloud's name */
  readonly service?: string;
  /** @defaultValue `"default"` */
  readonly account?: string;
  /** @defaultValue `"default"` */
  readonly region?: string;
  /** What the URLs mean; the first route that fits wins. */
  readonly routes: readonly Route[];
  /** What every route's path starts with. @defaultValue `""` */
  readonly basePath?: string;
  /** What becomes of a mutating request that no route names. @defaultValue `"refuse"` */
  readonly unknownRoutes?: "refuse" | "allow";
  /** Puts a lease's credential into the request. @defaultValue `authorization: Bearer <value>` */
  readonly authorize?: (credential: unknown) => Readonly<Record<string, string>>;
  /** Header that carries the call's id into the cloud's own trail. @defaultValue none */
  readonly intentHeader?: string;
  /** Reads resources and their tags out of a JSON answer. */
  readonly seen?: (operation: string, body: unknown) => Iterable<SeenResource>;
  /** Reads one resource's tags, with the unguarded fetch; `undefined` if there is no such resource. */
  readonly read?: (id: string, fetch: FetchLike) => Promise<Tags | undefined>;
  /** The cloud's published limits. */
  readonly limits?: readonly LimitRule[];
  /** @defaultValue {@link plainTags} */
  readonly codec?: TagCodec;
}

const route = z.strictObject({
  operation: z.string().min(1),
  method: z.string().min(1),
  path: z.string().startsWith("/"),
  kind: z.enum(["read", "create", "update", "delete"]),
  resourceType: z.string().optional(),
  tags: z.string().optional(),
  token: z.union([z.strictObject({ header: z.string() }), z.strictObject({ body: z.string() })]).optional(),
  targets: z.array(z.string()).readonly().optional(),
  record: z.array(z.string()).readonly().optional(),
});

const schema = z.strictObject({
  cloud: z.string().min(1),
  service: z.string().min(1).optional(),
  account: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  routes: z.array(route).readonly(),
  basePath: z.string().optional(),
  unknownRoutes: z.enum(["refuse", "allow"]).optional(),
  authorize: z.function().optional(),
  intentHeader: z.string().min(1).optional(),
  seen: z.function().optional(),
  read: z.function().optional(),
  limits: z.array(z.unknown()).readonly().optional(),
  codec: z.looseObject({ prefix: z.string() }).optional(),
});

/** A call's input as this adapter makes it: what is recorded, and what the phases may change. */
interface HttpInput {
  readonly method: string;
  /** The route's path; a URL may hold secrets. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const inputOf = (call: Call) => call.input as HttpInput;
const always = ["method", "path"];
const bearer = (value: unknown) => ({ authorization: `Bearer ${String(value)}` });
const bodies = new WeakMap<object, unknown>();

function tagSupport(options: FetchAdapterOptions, routes: ReadonlyMap<string, Route>): TagSupport {
  const { codec = plainTags, seen, read } = options;
  const tagsPath = (call: Call) => (inputOf(call).body === undefined ? undefined : routes.get(call.operation)?.tags);
  return {
    codec,
    write(call, tags) {
      const path = tagsPath(call);
      if (path === undefined) return undefined;
      const input = inputOf(call);
      return { ...input, body: withPath(input.body, path, { ...tagsIn(readPath(input.body, path)), ...tags }) };
    },
    given(call) {
      const path = tagsPath(call);
      return path === undefined ? undefined : tagsIn(readPath(inputOf(call).body, path));
    },
    token(call, token) {
      const place = routes.get(call.operation)?.token;
      const input = inputOf(call);
      if (place === undefined) return undefined;
      if ("header" in place) {
        const mine = input.headers[place.header]; // the caller set one
        if (mine !== undefined) return { input, token: mine };
        return { input: { ...input, headers: { ...input.headers, [place.header]: token } }, token };
      }
      const own = readPath(input.body, place.body);
      if (typeof own === "string") return { input, token: own };
      return { input: { ...input, body: withPath(input.body, place.body, token) }, token };
    },
    targets: (call) => (routes.get(call.operation)?.targets ?? []).flatMap((name) => idsIn(inputOf(call).params[name])),
    ...(seen === undefined ? {} : { seen: (call, result) => seen(call.operation, bodies.get(result as object)) }),
    ...(read === undefined ? {} : { read: (id, call) => read(id, call.binding.client as unknown as FetchLike) }),
  };
}

/** The idempotency token that the caller put into a header. */
function ownToken({ token }: Route, input: string | URL | Request, init: RequestInit | undefined) {
  if (token === undefined || !("header" in token)) return {};
  const headers = init?.headers ?? (input as Partial<Request>).headers;
  const own = headers === undefined ? null : new Headers(headers).get(token.header);
  return own === null ? {} : { [token.header]: own };
}

function standIn(fetch: FetchLike, options: FetchAdapterOptions, port: Port, isActive: () => boolean): FetchLike {
  const {
    cloud,
    service = cloud,
    account,
    region,
    unknownRoutes = "refuse",
    authorize = bearer,
    intentHeader,
  } = options;
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
      const message = `${method} ${url.pathname}: no route names this request; add it to the route table, or say unknownRoutes: "allow"`;
      throw new GuardError("ERR_OPERATION_UNKNOWN", message);
    }
    const { route, params } = match;
    const draft = {
      service,
      operation: route.operation,
      input: {
        method,
        path: route.path,
        params,
        query: url.search,
        headers: ownToken(route, input, init),
        body: json,
      } satisfies HttpInput,
      ...(account === undefined ? {} : { account }),
      ...(region === undefined ? {} : { region }),
      ...(signal === undefined ? {} : { signal }),
    };
    const send = async (attempt: Attempt) => {
      const { body, headers } = inputOf(attempt.call);
      const intent = intentHeader === undefined ? {} : { [intentHeader]: attempt.call.id };
      const all = { ...headers, ...intent, ...(await credentialHeaders(attempt)) };
      return sendRequest(fetch, input, init, { json: body === json ? undefined : body, headers: all });
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

/**
 * Guards any HTTP client that lets you pass a `fetch`: wrap the function, and give the client what
 * `guard.wrap` returns. HTTP errors stay responses, as with `fetch` itself.
 *
 * @param options - The route table and the cloud's habits; see {@link FetchAdapterOptions}.
 * @returns An adapter for functions with the shape of `fetch`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @throws {@link GuardError} `ERR_OPERATION_UNKNOWN` (per call): a mutating request that no route names.
 * @example
 * import { fetchAdapter } from "provider-guard/fetch";
 * const acme = fetchAdapter({
 *   cloud: "acme",
 *   routes: [
 *     { operation: "CreateServer", method: "POST", path: "/v1/servers", kind: "create", tags: "labels", token: { header: "idempotency-key" } },
 *     { operation: "DeleteServer", method: "DELETE", path: "/v1/servers/{id}", kind: "delete", targets: ["id"] },
 *     { operation: "ListServers", method: "GET", path: "/v1/servers", kind: "read" },
 *   ],
 * });
 */
export function fetchAdapter(options: FetchAdapterOptions): Adapter<FetchLike> {
  parseOptions(schema, options, "fetch");
  const routes = new Map(options.routes.map((entry) => [entry.operation, entry]));
  const policies = new Map<string, ReadonlySet<string>>();
  for (const { operation, path, record = [] } of options.routes) {
    const params = [...path.matchAll(/\{(\w+)\}/g)].map((found) => found[1] as string);
    policies.set(operation, new Set([...always, ...params, ...record].map((key) => key.toLowerCase())));
  }
  return {
    name: "fetch",
    cloud: options.cloud,
    accepts: (client) => typeof client === "function",
    attach(client, port) {
      let active = true;
      return {
        client: standIn(client, options, port, () => active),
        detach() {
          active = false;
        },
      };
    },
    classify(operation): Classification {
      const listed = routes.get(operation);
      if (listed === undefined) return { kind: operation.startsWith("Read:") ? "read" : "update", known: false };
      const { kind, resourceType } = listed;
      return { kind, known: true, ...(resourceType === undefined ? {} : { resourceType }) };
    },
    errors: readErrorInfo,
    answer: safely(readResponse, { class: "ok" }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    tags: tagSupport(options, routes),
    redaction(operation) {
      const allow = policies.get(operation);
      return allow && { allow };
    },
  };
}
