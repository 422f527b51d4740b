import type { CallKind } from "../../src/core/target.ts";

/** One line of a route table. */
export interface Route {
  /** The operation's name in limits, spans and the audit log, e.g. `CreateServer`. */
  readonly operation: string;
  /** HTTP method, e.g. `POST`. */
  readonly method: string;
  /** Path of the URL with parameters in braces, e.g. `/v1/servers/{id}`; `*` at the end matches any rest. */
  readonly path: string;
  readonly kind: CallKind;
  readonly resourceType?: string;
  /**
   * Whether it does nothing but take away access or a secret, so that it goes on during an emergency
   * stop. Not for what also ends a machine or deletes data.
   * @defaultValue false
   */
  readonly revokes?: boolean;
  /** Where a create's JSON body takes tags, as an object of strings: a dotted path. */
  readonly tags?: string;
  /** Where a create takes an idempotency token: a header, or a dotted path in its JSON body. */
  readonly token?: { readonly header: string } | { readonly body: string };
  /** Path parameters that name the resources an update or delete touches. */
  readonly targets?: readonly string[];
  /** Keys of the JSON body whose values may be recorded; everything else is recorded by shape. */
  readonly record?: readonly string[];
}

/** A route that fits a request, with its path parameters. */
export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

function compile(path: string): RegExp {
  const open = path.endsWith("*");
  const source = (open ? path.slice(0, -1) : path)
    .split(/(\{\w+\})/)
    .map((part) =>
      /^\{\w+\}$/.test(part) ? `(?<${part.slice(1, -1)}>[^/]+)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
    )
    .join("");
  return new RegExp(`^${source}${open ? ".*" : "/?"}$`);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/**
 * Compiles a route table.
 *
 * @param basePath - What every path starts with, e.g. `/api`.
 * @returns Finds the first route that fits a method and a URL's path.
 */
export function routeTable(routes: readonly Route[], basePath: string) {
  const prefix = basePath.replace(/\/$/, "");
  const compiled = routes.map((route) => ({
    route,
    method: route.method.toUpperCase(),
    pattern: compile(prefix + route.path),
  }));
  return (method: string, path: string): Match | undefined => {
    for (const { route, method: wanted, pattern } of compiled) {
      const found = wanted === method ? pattern.exec(path) : null;
      if (found === null) continue;
      const params = Object.entries(found.groups ?? {}).map(([key, value]) => [key, decoded(value)] as const);
      return { route, params: Object.fromEntries(params) };
    }
    return undefined;
  };
}
