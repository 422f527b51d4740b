import * as z from "zod";
import type { Adapter, Classification, Port, SeenResource, TagSupport } from "../../src/core/adapter.ts";
import type { Answer, CallKind } from "../../src/core/call.ts";
import { parseOptions } from "../../src/core/config.ts";
import { readErrorInfo } from "../../src/core/error-info.ts";
import type { ErrorInfo } from "../../src/core/errors.ts";
import type { LimitRule } from "../../src/core/limit-rule.ts";
import { idsIn, readPath, tagsIn, withPath } from "../../src/core/path.ts";
import { safely } from "../../src/core/safely.ts";
import type { TagCodec, Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import { guessKind } from "./guess-kind.ts";

/** What one method of the object does. Paths are dotted and start at the first argument; `$` is the argument itself. */
export interface ObjectOperation {
  readonly kind: CallKind;
  readonly resourceType?: string;
  /** Where a create takes tags, as an object of strings. */
  readonly tags?: string;
  /** Where a create takes an idempotency token. */
  readonly token?: string;
  /** Where an update or delete names the resources it touches: an id, or a list of them. */
  readonly targets?: readonly string[];
  /** Keys of the input whose values may be recorded; everything else is recorded by shape. */
  readonly record?: readonly string[];
}

/** Options of {@link object}. */
export interface ObjectAdapterOptions {
  /** Which cloud the object speaks to; part of every limit's key. */
  readonly cloud: string;
  /** @defaultValue the cloud's name */
  readonly service?: string;
  /** @defaultValue `"default"` */
  readonly account?: string;
  /** @defaultValue `"default"` */
  readonly region?: string;
  /** What the methods do. A method that is not listed is guessed from its name, and counts as mutating in doubt. */
  readonly operations: Readonly<Record<string, ObjectOperation>>;
  /** Methods that are not calls to the cloud and stay as they are. @defaultValue `[]` */
  readonly passThrough?: readonly string[];
  /** Reads resources and their tags out of an answer. */
  readonly seen?: (operation: string, result: unknown) => Iterable<SeenResource>;
  /** Reads one resource's tags, with the unguarded object; `undefined` if there is no such resource. */
  readonly read?: (id: string, client: object) => Promise<Tags | undefined>;
  /** Reads the object's errors. @defaultValue by HTTP status, error name and code */
  readonly errors?: (error: unknown) => ErrorInfo;
  /** Reads the object's answers. */
  readonly answer?: (result: unknown) => Answer;
  /** The cloud's published limits. */
  readonly limits?: readonly LimitRule[];
  /** @defaultValue {@link plainTags} */
  readonly codec?: TagCodec;
  /** Finds the abort signal of a call. @defaultValue the last argument, or its `signal` */
  readonly signal?: (args: readonly unknown[]) => AbortSignal | undefined;
}

const operation = z.strictObject({
  kind: z.enum(["read", "create", "update", "delete"]),
  resourceType: z.string().optional(),
  tags: z.string().optional(),
  token: z.string().optional(),
  targets: z.array(z.string()).readonly().optional(),
  record: z.array(z.string()).readonly().optional(),
});

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

function signalIn(args: readonly unknown[]): AbortSignal | undefined {
  const last = args.at(-1);
  const signal = last instanceof AbortSignal ? last : (last as { signal?: unknown } | null | undefined)?.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}

type Args = readonly unknown[];

function tagSupport(options: ObjectAdapterOptions, operations: ReadonlyMap<string, ObjectOperation>): TagSupport {
  const { codec = plainTags, seen, read } = options;
  const argument = (input: unknown) => (input as Args)[0];
  const replaced = (input: unknown, path: string, value: unknown) => [
    withPath(argument(input), path, value),
    ...(input as Args).slice(1),
  ];
  return {
    codec,
    write({ operation, input }, tags) {
      const path = operations.get(operation)?.tags;
      if (path === undefined) return undefined;
      return replaced(input, path, { ...tagsIn(readPath(argument(input), path)), ...tags });
    },
    given({ operation, input }) {
      const path = operations.get(operation)?.tags;
      return path === undefined ? undefined : tagsIn(readPath(argument(input), path));
    },
    token({ operation, input }, token) {
      const path = operations.get(operation)?.token;
      if (path === undefined) return undefined;
      const own = readPath(argument(input), path);
      if (typeof own === "string") return { input, token: own };
      return { input: replaced(input, path, token), token };
    },
    targets: ({ operation, input }) =>
      (operations.get(operation)?.targets ?? []).flatMap((path) => idsIn(readPath(argument(input), path))),
    ...(seen === undefined ? {} : { seen: (call, result) => seen(call.operation, result) }),
    ...(read === undefined ? {} : { read: (id, call) => read(id, call.binding.client) }),
  };
}

function standIn(client: object, options: ObjectAdapterOptions, port: Port): { proxy: object; stop(): void } {
  const { cloud, service = cloud, account, region, passThrough = [], signal = signalIn } = options;
  const skipped = new Set<PropertyKey>(["constructor", "then", "toString", "toJSON", "valueOf", ...passThrough]);
  const methods = new Map<PropertyKey, { readonly original: unknown; readonly guarded: unknown }>();
  let active = true;

  function guarded(name: string, original: (...args: unknown[]) => unknown) {
    return (...args: unknown[]) => {
      if (!active) return original.apply(client, args);
      const own = signal(args);
      const draft = {
        service,
        operation: name,
        input: args,
        ...(account === undefined ? {} : { account }),
        ...(region === undefined ? {} : { region }),
        ...(own === undefined ? {} : { signal: own }),
      };
      return port.call(draft, (call) =>
        port.attempt(call, async () => original.apply(client, call.input as unknown[])),
      );
    };
  }

  const proxy = new Proxy(client, {
    get(target, key) {
      const value = Reflect.get(target, key, target); // with the real object as receiver: #private fields need it
      if (typeof value !== "function") return value;
      const known = methods.get(key);
      if (known !== undefined && known.original === value) return known.guarded;
      const made = typeof key === "symbol" || skipped.has(key) ? value.bind(target) : guarded(key, value);
      const fixed = Reflect.getOwnPropertyDescriptor(target, key);
      if (fixed?.configurable === false && fixed.writable === false) return value; // a proxy may not answer otherwise
      methods.set(key, { original: value, guarded: made });
      return made;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
  return {
    proxy,
    stop() {
      active = false;
    },
  };
}

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
    classify(operation): Classification {
      const listed = operations.get(operation);
      if (listed === undefined) return { kind: guessKind(operation), known: false };
      const { kind, resourceType } = listed;
      return { kind, known: true, ...(resourceType === undefined ? {} : { resourceType }) };
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
