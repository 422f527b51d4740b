import { GuardError } from "../core/errors.ts";
import type { KubernetesObject, OwnerReference } from "../core/kubernetes-object.ts";
import { groupOf, isClusterApiGroup } from "./group-kind.ts";

/** An object to be found by its name. */
export interface ObjectLookupRef {
  /** As the reference has it. Its version may no longer be served: any version of the group will do. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** An object that says which one it is. */
export interface Named extends KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string } & NonNullable<
    KubernetesObject["metadata"]
  >;
}

export const invalid = (message: string): GuardError => new GuardError("ERR_OWNER_INVALID", message);

export const nameOf = ({ kind, namespace, name }: ObjectLookupRef) => `${kind} ${namespace}/${name}`;

export function refOf({ apiVersion, kind, metadata: { namespace, name } }: Named): ObjectLookupRef {
  return { apiVersion, kind, namespace, name };
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** What is missing is named; an item of a list has no kind, and would pass for an object without owner. */
export function checkNamed(object: KubernetesObject, what: string): asserts object is Named {
  const { apiVersion, kind, metadata } = object ?? {};
  const fields = { apiVersion, kind, namespace: metadata?.namespace, name: metadata?.name, uid: metadata?.uid };
  for (const [field, value] of Object.entries(fields)) {
    const path = field === "apiVersion" || field === "kind" ? field : `metadata.${field}`;
    if (!isText(value)) throw invalid(`${what}.${path}: expected a non-empty string`);
  }
}

/** References that may lead to a Cluster, the controller's first. Other tools' own objects lead nowhere. */
export function followed({ metadata, ...object }: Named): readonly OwnerReference[] {
  const references = metadata.ownerReferences ?? [];
  for (const [index, reference] of references.entries()) {
    const path = `${object.kind} ${metadata.namespace}/${metadata.name}: metadata.ownerReferences[${index}]`;
    for (const field of ["apiVersion", "kind", "name", "uid"] as const) {
      if (!isText(reference?.[field])) throw invalid(`${path}.${field}: expected a non-empty string`);
    }
    const namespace = (reference as { readonly namespace?: unknown }).namespace;
    if (namespace !== undefined && namespace !== metadata.namespace) {
      throw invalid(`${path}.namespace: owners live in the namespace of what they own`);
    }
  }
  if (references.filter(({ controller }) => controller === true).length > 1) {
    throw invalid(
      `${object.kind} ${metadata.namespace}/${metadata.name}: more than one of its owners is its controller`,
    );
  }
  const leading = references.filter(
    ({ controller, apiVersion }) => controller === true || isClusterApiGroup(apiVersion),
  );
  return leading.toSorted((one, other) => Number(other.controller === true) - Number(one.controller === true));
}

/** Typed clients leave kind and version away where everybody knows them. */
export function checkFound(found: KubernetesObject, ref: ObjectLookupRef): Named {
  const { apiVersion = ref.apiVersion, kind = ref.kind, metadata } = found;
  const object: KubernetesObject = { apiVersion, kind, ...(metadata === undefined ? {} : { metadata }) };
  checkNamed(object, `lookup of ${nameOf(ref)}`);
  const same = kind === ref.kind && groupOf(apiVersion) === groupOf(ref.apiVersion);
  if (!same || object.metadata.namespace !== ref.namespace || object.metadata.name !== ref.name) {
    const what = nameOf(refOf(object));
    throw invalid(`lookup of ${nameOf(ref)}: found ${what}; owners live in the namespace of what they own`);
  }
  return object;
}
