export type { KubernetesObject, ObjectMetadata, OwnerReference } from "../core/kubernetes-object.ts";
export type { PausableCluster } from "./object-facts.ts";
export { blockMoveAnnotation, clusterNameLabel, isBeingMoved, isExternallyManaged, isPaused } from "./object-facts.ts";
export type { ObjectEvent, ObjectPage, ObjectSource } from "./object-source.ts";
export type { ObjectLookup, ObjectLookupRef, OwnerObjects } from "./owner-from-object.ts";
export { ownerFromObject } from "./owner-from-object.ts";
