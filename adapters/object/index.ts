import * as z from "zod";
import type { Adapter, Classification } from "../../src/core/adapter.ts";
import { parseOptions } from "../../src/core/config.ts";
import { readErrorInfo } from "../../src/core/error-info.ts";
import { locate } from "../../src/core/locate.ts";
import { listedAs, operationSchema } from "../../src/core/operation-shape.ts";
import { safely } from "../../src/core/safely.ts";
import { guessKind } from "./guess-kind.ts";
import type { ObjectAdapterOptions } from "./options.ts";
import { standIn } from "./stand-in.ts";
import { tagSupport } from "./tags.ts";

export type { ObjectAdapterOptions, ObjectOperation } from "./options.ts";

const operation = operationSchema({ token: z.string().optional() });

const schema = z.strictObject({
  cloud: z.string().min(1),
  service: z.string().min(1).optional(),
  account: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  operations: z.record(z.string(), operation),
  passThrough: z.array(z.string()).readonly().optional(),
  seen: z.function().optional(),
  read: z.function().optional(),
  errors: z.function().optional(),
  answer: z.function().optional(),
  limits: z.array(z.unknown()).readonly().optional(),
  codec: z.looseObject({ prefix: z.string() }).optional(),
  signal: z.function().optional(),
});

/**
 * Guards any object with async methods. The object itself stays as it is; use what `guard.wrap`
 * returns. Both rings stand around the same request, since such an object has no retries of its own.
 *
 * @param options - What the methods do; see {@link ObjectAdapterOptions}.
 * @returns An adapter for one family of objects.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { object } from "provider-guard/object";
 * const acme = object({
 *   cloud: "acme",
 *   operations: {
 *     createServer: { kind: "create", resourceType: "server", tags: "labels", token: "requestId" },
 *     deleteServer: { kind: "delete", targets: ["id"] },
 *     listServers: { kind: "read" },
 *   },
 * });
 */
export function object(options: ObjectAdapterOptions): Adapter<object> {
  parseOptions(schema, options, "object");
  const { cloud, passThrough = [], errors = readErrorInfo, answer, limits } = options;
  const operations = new Map(Object.entries(options.operations)); // a Map has no `__proto__`
  const policies = new Map<string, ReadonlySet<string>>();
  for (const [name, { record = [] }] of operations) {
    policies.set(name, new Set(record.map((key) => key.toLowerCase())));
  }
  return {
    name: "object",
    cloud,
    accepts: (client) => typeof client === "object" && client !== null && passThrough.every((name) => name in client),
    attach(client, port) {
      const { proxy, stop } = standIn(client, options, port);
      return { client: proxy, detach: stop };
    },
    locate: () => locate(options),
    classify(operation): Classification {
      const listed = operations.get(operation);
      if (listed === undefined) return { kind: guessKind(operation), known: false };
      return listedAs(listed);
    },
    errors: safely(errors, { class: "unknown" }),
    ...(answer === undefined ? {} : { answer: safely(answer, { class: "ok" }) }),
    ...(limits === undefined ? {} : { limits }),
    tags: tagSupport(options, operations),
    redaction(operation) {
      const allow = policies.get(operation);
      return allow && { allow };
    },
  };
}
