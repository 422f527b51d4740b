export type { KubernetesObject, ObjectMetadata, OwnerReference } from "../../src/core/kubernetes-object.ts";
