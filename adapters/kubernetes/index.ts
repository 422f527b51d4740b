export type { KubernetesObject, ObjectMetadata, OwnerReference } from "../../src/core/kubernetes-object.ts";
export { managementClusterOf, type NamespaceReader } from "./management-cluster.ts";
export {
  type CustomObjectsListApi,
  type ListPage,
  type ListRequest,
  type ObjectSourceOptions,
  objectSource,
  type WatchApi,
} from "./object-source.ts";
