import * as z from "zod";
import type { Adapter, Classification } from "../../src/core/adapter.ts";
import { parseOptions } from "../../src/core/config.ts";
import { readErrorInfo } from "../../src/core/error-info.ts";
import { locate } from "../../src/core/locate.ts";
import { listedAs, operationSchema } from "../../src/core/operation-shape.ts";
import { safely } from "../../src/core/safely.ts";
import { readResponse } from "./answers.ts";
import type { FetchAdapterOptions } from "./options.ts";
import type { FetchLike } from "./request.ts";
import { standIn } from "./stand-in.ts";
import { tagSupport } from "./tags.ts";

export type { FetchAdapterOptions } from "./options.ts";
export type { FetchLike } from "./request.ts";
export type { Route } from "./routes.ts";

const route = operationSchema({
  operation: z.string().min(1),
  method: z.string().min(1),
  path: z.string().startsWith("/"),
  token: z.union([z.strictObject({ header: z.string() }), z.strictObject({ body: z.string() })]).optional(),
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

const always = ["method", "path"];

/**
 * Guards any HTTP client that lets you pass a `fetch`: wrap the function, and give the client what
 * `guard.wrap` returns. HTTP errors stay responses, as with `fetch` itself.
 *
 * @param options - The route table and the cloud's habits; see {@link FetchAdapterOptions}.
 * @returns An adapter for functions with the shape of `fetch`.
 * @throws `GuardError` `ERR_CONFIG_INVALID`, naming the path.
 * @throws `GuardError` `ERR_OPERATION_UNKNOWN` (per call): a mutating request that no route names.
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
    locate: () => locate(options),
    classify(operation): Classification {
      const listed = routes.get(operation);
      if (listed === undefined) return { kind: operation.startsWith("Read:") ? "read" : "update", known: false };
      return listedAs(listed);
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
