import type { KubernetesObject } from "../core/kubernetes-object.ts";

/** The group of Cluster API's own kinds. */
const coreGroup = "cluster.x-k8s.io";

/** The group of an `apiVersion`; empty for Kubernetes' first kinds. Versions come and go, groups stay. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

/** Whether an `apiVersion` is of Cluster API or, by its convention, of one of its providers. */
export function isClusterApiGroup(apiVersion: string): boolean {
  const group = groupOf(apiVersion);
  return group === coreGroup || group.endsWith(`.${coreGroup}`);
}

/** Whether an object, or a reference to one, is of a kind of Cluster API itself, in whatever version. */
export function isCoreKind({ apiVersion = "", kind }: KubernetesObject, wanted: "Cluster" | "Machine"): boolean {
  return kind === wanted && groupOf(apiVersion) === coreGroup;
}
