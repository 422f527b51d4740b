/**
 * The verbs of RBAC and of Kubernetes' audit log, and two that may create: `apply`, a patch to both of
 * them, and `put`, an update to them.
 */
export const verbs = [
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "apply",
  "put",
  "delete",
  "deletecollection",
] as const;

/** One of {@link verbs}. */
export type Verb = (typeof verbs)[number];

/** What an operation's name says. */
export interface Operation {
  readonly verb: Verb;
  /** Whether nothing is kept of what it does. */
  readonly dryRun: boolean;
  /** The plural, or a path that is no resource, e.g. `/version`. */
  readonly resource: string;
  readonly subresource: string | undefined;
}

const dryRunMark = "dry-run ";
const pattern = new RegExp(
  `^(${dryRunMark})?(${verbs.join("|")}) (/[\\w.-]*|[a-z][a-z0-9.-]*)(?:/([a-z][a-z0-9.-]*))?$`,
);

/** Names an operation: `create secrets`, `patch acmemachines/status`, `dry-run create pods`, `get /version`. */
export function operationName({ verb, dryRun, resource, subresource }: Operation): string {
  return `${dryRun ? dryRunMark : ""}${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
}

/** Reads an operation's name; `undefined` where it is none of Kubernetes'. */
export function parseOperation(name: string): Operation | undefined {
  const found = pattern.exec(name);
  if (found === null) return undefined;
  const [, dry, verb, resource, subresource] = found;
  return { verb: verb as Verb, dryRun: dry !== undefined, resource: resource as string, subresource };
}

/** Subresources that open a way into a machine, whatever the HTTP method. */
export const connects: ReadonlySet<string> = new Set(["exec", "attach", "portforward", "proxy"]);
