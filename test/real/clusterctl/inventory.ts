import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { KubernetesRequestError } from "../kubernetes/request.ts";
import type { Kubernetes } from "../kubernetes/start.ts";

/** A provider that `clusterctl init` has installed. */
export interface InstalledProvider {
  /** Its label's value, e.g. `infrastructure-acme`. */
  readonly label: string;
  readonly namespace: string;
  readonly providerName: string;
  readonly type: "CoreProvider" | "BootstrapProvider" | "ControlPlaneProvider" | "InfrastructureProvider";
  readonly version: string;
  /** API groups of its kinds. */
  readonly groups: readonly string[];
}

/** What test/real/cluster-api starts. */
export const clusterApiProviders: readonly InstalledProvider[] = [
  {
    label: "cluster-api",
    namespace: "capi-system",
    providerName: "cluster-api",
    type: "CoreProvider",
    version: "v1.13.6",
    groups: ["cluster.x-k8s.io", "addons.cluster.x-k8s.io", "ipam.cluster.x-k8s.io", "runtime.cluster.x-k8s.io"],
  },
  {
    label: "bootstrap-kubeadm",
    namespace: "capi-kubeadm-bootstrap-system",
    providerName: "kubeadm",
    type: "BootstrapProvider",
    version: "v1.13.6",
    groups: ["bootstrap.cluster.x-k8s.io"],
  },
  {
    label: "control-plane-kubeadm",
    namespace: "capi-kubeadm-control-plane-system",
    providerName: "kubeadm",
    type: "ControlPlaneProvider",
    version: "v1.13.6",
    groups: ["controlplane.cluster.x-k8s.io"],
  },
];

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const contentType = "application/merge-patch+json";

async function unlessThere(made: Promise<unknown>): Promise<void> {
  await made.catch((error) => {
    if (!(error instanceof KubernetesRequestError && error.status === 409)) throw error;
  });
}

/**
 * Leaves a management cluster as `clusterctl init` does, whose components come from release pages: the
 * inventory of its providers, and the labels of their CRDs, by which a move finds what there is to move.
 *
 * @param programs - What `buildClusterctl` returned.
 */
export async function installInventory(
  { request }: Kubernetes,
  programs: string,
  providers: readonly InstalledProvider[],
): Promise<void> {
  for (const file of await readdir(join(programs, "crds"))) {
    const yaml = await readFile(join(programs, "crds", file), "utf8");
    await request("POST", crds, yaml, { contentType: "application/yaml" });
  }
  const installed = await request<{ items: { metadata: { name: string }; spec: { group: string } }[] }>("GET", crds);
  for (const { label, namespace, groups, ...provider } of providers) {
    const labels = { "clusterctl.cluster.x-k8s.io": "", "cluster.x-k8s.io/provider": label };
    const own = installed.items.filter(({ spec }) => groups.includes(spec.group));
    for (const { metadata } of own) {
      await request("PATCH", `${crds}/${metadata.name}`, { metadata: { labels } }, { contentType });
    }
    await unlessThere(request("POST", "/api/v1/namespaces", { metadata: { name: namespace } }));
    const metadata = { name: label, namespace, labels: { ...labels, "clusterctl.cluster.x-k8s.io/core": "inventory" } };
    const path = `/apis/clusterctl.cluster.x-k8s.io/v1alpha3/namespaces/${namespace}/providers`;
    const object = { apiVersion: "clusterctl.cluster.x-k8s.io/v1alpha3", kind: "Provider", metadata, ...provider };
    await request("POST", path, object);
  }
}
