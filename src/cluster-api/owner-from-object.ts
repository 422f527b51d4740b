import { readErrorInfo } from "../core/error-info.ts";
import { GuardError } from "../core/errors.ts";
import type { KubernetesObject } from "../core/kubernetes-object.ts";
import { isCoreKind } from "./group-kind.ts";
import {
  checkFound,
  checkNamed,
  followed,
  invalid,
  isText,
  type Named,
  nameOf,
  type ObjectLookupRef,
  refOf,
} from "./named-object.ts";
import { clusterNameLabel } from "./object-facts.ts";

/**
 * Finds an object, in an informer's cache or by asking the API server.
 * `undefined`, or an error with HTTP status 404, means that there is none.
 */
export type ObjectLookup<T extends KubernetesObject = KubernetesObject> = (
  ref: ObjectLookupRef,
) => T | undefined | Promise<T | undefined>;

/** Cluster and Machine that an object belongs to: what `guard.reconcile` takes. */
export interface OwnerObjects<T extends KubernetesObject = KubernetesObject> {
  readonly cluster: T;
  /** `undefined` for what belongs to the Cluster as a whole, and for a machine that no Machine has adopted yet. */
  readonly machine?: T;
}

/** Chains in practice have five links: Secret, bootstrap config, Machine, MachineSet, MachineDeployment. */
const maxDepth = 16;
const requeueAfterMs = 30_000;

const unresolved = (message: string) =>
  new GuardError("ERR_OWNER_UNRESOLVED", message, { retryable: true, requeueAfterMs });

async function find<T extends KubernetesObject>(lookup: ObjectLookup<T>, ref: ObjectLookupRef): Promise<T | undefined> {
  try {
    return await lookup(ref);
  } catch (error) {
    if (readErrorInfo(error).status === 404) return undefined;
    throw error;
  }
}

/**
 * Finds the Cluster, and the Machine, that an object belongs to: a Cluster or Machine itself, or any
 * infrastructure, bootstrap or control-plane object. It follows owner references, the controller's
 * first and then those of Cluster API's groups, and where none leads on, the label
 * `cluster.x-k8s.io/cluster-name`. Kinds are compared by group, so that API versions do not matter.
 *
 * What `lookup` throws passes through untouched.
 *
 * @param object - The object with its `apiVersion` and `kind`, which items of a list lack.
 * @param lookup - Finds an object by its name; see {@link ObjectLookup}.
 * @returns Cluster and Machine as they were found, or `undefined` if nobody owns the object yet: wait
 *   for its next event.
 * @throws {@link GuardError} `ERR_OWNER_UNRESOLVED` (retryable): an owner does not exist, or is another
 *   object of the same name; caches may lag, and after a deletion it stays so.
 * @throws {@link GuardError} `ERR_OWNER_INVALID`: metadata is missing, an object has two controllers,
 *   owners go round in a circle or lead to another namespace, or a label contradicts the owners. Waiting does not help.
 * @example
 * import type { Guard } from "provider-guard";
 * import { type KubernetesObject, ownerFromObject } from "provider-guard/cluster-api";
 * declare const guard: Guard;
 * declare const acmeMachine: KubernetesObject;
 * declare const cache: Map<string, KubernetesObject>;
 * const owner = await ownerFromObject(acmeMachine, ({ kind, namespace, name }) => cache.get(`${kind}/${namespace}/${name}`));
 * if (owner?.machine !== undefined) await guard.reconcile(owner, async () => {}); // else: not owned yet
 */
export async function ownerFromObject<O extends KubernetesObject, T extends KubernetesObject = KubernetesObject>(
  object: O,
  lookup: ObjectLookup<T>,
): Promise<OwnerObjects<O | T> | undefined> {
  checkNamed(object, "object");
  const start = nameOf(refOf(object));
  let machine: O | T | undefined;
  const labels: { readonly on: Named; readonly name: string }[] = [];

  /** Depth first, so that an owner without a Cluster does not hide the next one. */
  async function climb(found: O | T, current: Named, below: readonly string[]): Promise<O | T | undefined> {
    const { namespace, uid } = current.metadata;
    if (below.includes(uid)) throw invalid(`${start}: its owners go round in a circle`);
    if (below.length >= maxDepth) throw invalid(`${start}: more than ${maxDepth} owners deep`);
    if (isCoreKind(current, "Cluster")) return found;
    if (isCoreKind(current, "Machine")) machine ??= found;
    const clusterName = current.metadata.labels?.[clusterNameLabel];
    if (isText(clusterName)) labels.push({ on: current, name: clusterName });
    for (const { apiVersion, kind, name, uid: wanted } of followed(current)) {
      const ref = { apiVersion, kind, namespace, name };
      const next = await find(lookup, ref);
      if (next === undefined) throw unresolved(`${nameOf(refOf(current))}: its owner ${nameOf(ref)} does not exist`);
      const owner = checkFound(next, ref);
      if (owner.metadata.uid !== wanted) {
        throw unresolved(`${nameOf(refOf(current))}: its owner was another ${nameOf(ref)}, with another UID`);
      }
      const cluster = await climb(next, owner, [...below, uid]);
      if (cluster !== undefined) return cluster;
    }
    return undefined;
  }

  async function byLabel(): Promise<T | undefined> {
    const [first] = labels;
    if (first === undefined) return undefined;
    const { on, name } = first;
    const ref = { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "Cluster", namespace: on.metadata.namespace, name };
    const found = await find(lookup, ref);
    if (found === undefined)
      throw unresolved(`${nameOf(refOf(on))}: its label names ${nameOf(ref)}, which does not exist`);
    checkFound(found, ref);
    return found;
  }

  const cluster = (await climb(object, object, [])) ?? (await byLabel());
  if (cluster === undefined) return undefined;
  const found = cluster.metadata?.name;
  const other = labels.find(({ name }) => name !== found);
  if (other !== undefined) {
    throw invalid(`${nameOf(refOf(other.on))}: its label names Cluster ${other.name}, its owners lead to ${found}`);
  }
  return { cluster, ...(machine === undefined ? {} : { machine }) };
}
