import type { KubernetesObject } from "../core/kubernetes-object.ts";

/** The label that names an object's Cluster, in the object's own namespace. */
export const clusterNameLabel = "cluster.x-k8s.io/cluster-name";

/**
 * The annotation that holds `clusterctl move` back while a provider sets it on an object of its own:
 * for work that a pause cannot interrupt.
 */
export const blockMoveAnnotation = "clusterctl.cluster.x-k8s.io/block-move";

const pausedAnnotation = "cluster.x-k8s.io/paused";
const managedByAnnotation = "cluster.x-k8s.io/managed-by";
const deleteForMoveAnnotation = "clusterctl.cluster.x-k8s.io/delete-for-move";

/** A Cluster as far as pausing goes. */
export interface PausableCluster extends KubernetesObject {
  readonly spec?: { readonly paused?: boolean };
}

/** Its presence counts, whatever its value: so does Cluster API read its annotations. */
function hasAnnotation(object: KubernetesObject | undefined, name: string): boolean {
  return Object.hasOwn(object?.metadata?.annotations ?? {}, name);
}

/**
 * Tells whether a controller must leave an object alone, deletion included: its Cluster says
 * `spec.paused`, or the Cluster or the object has the annotation `cluster.x-k8s.io/paused`.
 *
 * @param cluster - The object's Cluster; `undefined` where it has none yet.
 * @param object - The object that is reconciled.
 * @returns `true` while either is paused.
 * @example
 * import { isPaused } from "provider-guard/cluster-api";
 * isPaused({ spec: { paused: true } }, { metadata: { name: "m-1" } }); // true
 */
export function isPaused(cluster: PausableCluster | undefined, object: KubernetesObject): boolean {
  return cluster?.spec?.paused === true || [cluster, object].some((one) => hasAnnotation(one, pausedAnnotation));
}

/**
 * Tells whether something else manages an infrastructure cluster (annotation `cluster.x-k8s.io/managed-by`):
 * its controller must then neither create nor delete anything for it.
 *
 * @param object - The infrastructure cluster.
 * @returns `true` if it is managed elsewhere.
 */
export function isExternallyManaged(object: KubernetesObject): boolean {
  return hasAnnotation(object, managedByAnnotation);
}

/**
 * Tells whether `clusterctl move` is deleting an object because it lives on in another management
 * cluster, with another UID: nothing of it may be deleted in the cloud. The command replaces all
 * other annotations of the object by this one and takes its finalizers away; its Cluster is paused.
 *
 * @param object - The object that is being deleted.
 * @returns `true` if it was moved.
 */
export function isBeingMoved(object: KubernetesObject): boolean {
  return hasAnnotation(object, deleteForMoveAnnotation);
}
