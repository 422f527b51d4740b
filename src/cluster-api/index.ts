export type { KubernetesObject, ObjectMetadata, OwnerReference } from "../core/kubernetes-object.ts";
export type { ObjectEvent, ObjectPage, ObjectSource } from "./object-source.ts";
