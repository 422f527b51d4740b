import { GuardError } from "./errors.ts";
import type { KubernetesObject } from "./kubernetes-object.ts";

/** A Kubernetes object as far as ownership needs it. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
  /** `metadata.uid`: names are used again after a deletion, UIDs never. */
  readonly uid: string;
}

/** The controller on whose behalf the guard works. */
export interface Principal {
  /** Stable identifier of the management cluster: the UID of its `kube-system` namespace. */
  readonly managementCluster: string;
  /** Name of the provider, e.g. `infrastructure-acme`. */
  readonly provider: string;
}

/** Cluster (and machine) being reconciled. */
export interface Subject {
  readonly cluster: ObjectRef;
  readonly machine?: ObjectRef;
}

/** The same as a controller holds it: references, or the Cluster and Machine objects themselves. */
export interface SubjectObjects {
  readonly cluster: ObjectRef | KubernetesObject;
  readonly machine?: ObjectRef | KubernetesObject;
}

/** On whose behalf one call is made. */
export interface Owner extends Principal, Partial<Subject> {}

/** What names, namespaces and UIDs are made of. */
export const identifier = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

function checkText(value: unknown, path: string, hint: string): string {
  if (typeof value !== "string" || !identifier.test(value)) {
    throw new GuardError("ERR_OWNER_INVALID", `${path}: expected ${hint}, got ${describe(value)}`);
  }
  return value;
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return value === "" ? "an empty string" : `a string of ${value.length} characters`;
  return value === null ? "null" : typeof value;
}

function fieldsOf(value: unknown, path: string): Partial<ObjectRef> {
  if (typeof value === "object" && value !== null) return value;
  throw new GuardError("ERR_OWNER_INVALID", `${path}: expected { namespace, name, uid }, got ${describe(value)}`);
}

/**
 * Checks a reference to an object, or an object.
 * @throws {@link GuardError} `ERR_OWNER_INVALID`, naming the path.
 */
export function checkRef(value: unknown, path: string): ObjectRef {
  const given: object = fieldsOf(value, path);
  const root = "metadata" in given ? `${path}.metadata` : path;
  const { namespace, name, uid } = "metadata" in given ? fieldsOf(given.metadata, root) : (given as Partial<ObjectRef>);
  return Object.freeze({
    namespace: checkText(namespace, `${root}.namespace`, "a Kubernetes namespace"),
    name: checkText(name, `${root}.name`, "a Kubernetes object name"),
    uid: checkText(uid, `${root}.uid`, "the object's metadata.uid (names are used again, UIDs never)"),
  });
}

/**
 * Checks who the guard works for.
 * @throws {@link GuardError} `ERR_OWNER_INVALID`, naming the path.
 */
export function checkPrincipal(value: unknown): Principal {
  const { managementCluster, provider } = (value ?? {}) as Partial<Principal>;
  return {
    managementCluster: checkText(
      managementCluster,
      "owner.managementCluster",
      "the UID of the management cluster's kube-system namespace",
    ),
    provider: checkText(provider, "owner.provider", "the provider's name"),
  };
}

/**
 * Checks cluster and machine of a reconcile or manual operation.
 * @param value - {@link SubjectObjects}.
 * @param root - What the object is called in the message.
 * @throws {@link GuardError} `ERR_OWNER_INVALID`, naming the path.
 */
export function checkSubject(value: unknown, root = "reconcile"): Subject {
  if (typeof value !== "object" || value === null) {
    throw new GuardError("ERR_OWNER_INVALID", `${root}: expected { cluster, machine? }, got ${describe(value)}`);
  }
  const { cluster, machine } = value as Partial<Subject>;
  return {
    cluster: checkRef(cluster, `${root}.cluster`),
    ...(machine === undefined ? {} : { machine: checkRef(machine, `${root}.machine`) }),
  };
}
