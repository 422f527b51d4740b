import { fieldsOf } from "../../src/core/kubernetes-status.ts";
import { type ObjectRef, refText } from "./object-ref.ts";
import { connects, operationName, type Verb } from "./operation.ts";

/** What is known of a request before it is sent. */
export interface ApiRequest {
  readonly service: string;
  readonly operation: string;
  readonly verb: Verb;
  readonly subresource: string | undefined;
  /** `undefined` for what is no resource: `/version`, `/readyz`, discovery. */
  readonly ref: ObjectRef | undefined;
  readonly query: Readonly<Record<string, string>>;
}

/** A call's input as this adapter makes it: what is recorded, and what the phases may change. */
export interface KubernetesInput {
  /** `group/version/resource/namespace/name`, or the first part of a path that is no resource. */
  readonly objectRef: string;
  readonly query: Readonly<Record<string, string>>;
  /** The body as JSON, where it is some. */
  readonly body?: unknown;
}

/** RBAC's word for what is no resource. */
const nonResource = "nonResourceURLs";

const methods: Readonly<Record<string, Verb>> = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };
const isTrue = (text: string | undefined) => text === "true" || text === "1" || text === "";

function verbOf(method: string, named: boolean, query: Readonly<Record<string, string>>, contentType: string): Verb {
  const verb = methods[method];
  if (verb === undefined) return isTrue(query.watch) ? "watch" : named ? "get" : "list";
  if (verb === "patch" && contentType.startsWith("application/apply-patch")) return "apply";
  return verb === "delete" && !named ? "deletecollection" : verb;
}

/** Splits what follows the version, as Kubernetes' own `RequestInfo` does. */
function split(parts: readonly string[]): { resource: string; namespace: string; name: string; subresource?: string } {
  const own = parts[0] === "namespaces" && parts[2] !== undefined && parts[2] !== "status" && parts[2] !== "finalize";
  const [resource = "", name = "", subresource] = own ? parts.slice(2) : parts;
  return {
    resource,
    name,
    namespace: own ? (parts[1] ?? "") : "",
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * Reads what a request asks for.
 *
 * @param path - Below the API server's address, with the query.
 */
export function readRequest(method: string, path: string, contentType = ""): ApiRequest {
  const url = new URL(path, "https://kubernetes.invalid");
  const query = Object.fromEntries(url.searchParams);
  const parts = url.pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decoded);
  const [root, ...rest] = parts;
  const [group, version, ...what] = root === "api" ? ["core", ...rest] : rest;
  if ((root !== "api" && root !== "apis") || what.length === 0 || group === undefined || version === undefined) {
    const verb = methods[method] ?? "get";
    const resource = `/${root ?? ""}`;
    const operation = operationName({ verb, dryRun: false, resource, subresource: undefined });
    return { service: nonResource, operation, verb, subresource: undefined, ref: undefined, query };
  }
  const watched = what[0] === "watch"; // the old way, e.g. /api/v1/watch/pods
  const { resource, namespace, name, subresource } = split(watched ? what.slice(1) : what);
  const ref = { group, version, resource, namespace, name };
  let verb = watched ? "watch" : verbOf(method, name !== "", query, contentType);
  // Since 1.35 a websocket needs the verb `create`, too, which SPDY's POST always needed: one name for both.
  if (subresource !== undefined && connects.has(subresource) && subresource !== "proxy") verb = "create";
  const dryRun = query.dryRun !== undefined && query.dryRun !== "" && methods[method] !== undefined;
  return {
    service: group,
    operation: operationName({ verb, dryRun, resource, subresource }),
    verb,
    subresource,
    ref,
    query,
  };
}

/**
 * Kinds of which the server makes an object where a PUT finds none, besides Leases and Events, which
 * belong to nobody.
 *
 * @see Kubernetes 1.35.4: what each of its kinds answers, read from the server 2026-11
 */
export const createdByPut: ReadonlySet<string> = new Set([
  "core/endpoints",
  "core/limitranges",
  "core/services",
  "node.k8s.io/runtimeclasses",
  "rbac.authorization.k8s.io/clusterrolebindings",
  "rbac.authorization.k8s.io/clusterroles",
  "rbac.authorization.k8s.io/rolebindings",
  "rbac.authorization.k8s.io/roles",
]);

/** Tells an update that may create from one that cannot: with a UID it is about an object that is there. */
export function withPut(request: ApiRequest, body: unknown): ApiRequest {
  const { verb, ref, subresource, operation } = request;
  if (verb !== "update" || ref === undefined || subresource !== undefined) return request;
  if (!createdByPut.has(`${ref.group}/${ref.resource}`) || fieldsOf(fieldsOf(body).metadata).uid) return request;
  return { ...request, verb: "put", operation: operation.replace("update", "put") };
}

/** Commands that are run in a container are nobody's business but the container's. */
const withoutCommand = ({ command: _, ...query }: ApiRequest["query"]) => query;

/** What is recorded of a request, and what the phases may change. */
export function inputOf({ ref, operation, query }: ApiRequest, body: unknown): KubernetesInput {
  const objectRef = ref === undefined ? operation.slice(operation.indexOf("/")) : refText(ref);
  return { objectRef, query: withoutCommand(query), ...(body === undefined ? {} : { body }) };
}
