import type { Kubernetes } from "../kubernetes/start.ts";
import { kubeConfigFile } from "./start.ts";

export interface WorkloadOptions {
  readonly namespace: string;
  /** The Cluster's name. */
  readonly cluster: string;
  /** The API server that stands for the cluster's own. */
  readonly workload: Kubernetes;
}

/**
 * Lets Cluster API reach a workload cluster: its CA, which join data and client certificates are
 * made from, and a kubeconfig. Before the infrastructure says `provisioned`: Cluster API looks again
 * after 30 s only.
 */
export async function connectWorkload(kubernetes: Kubernetes, options: WorkloadOptions): Promise<void> {
  const { namespace, cluster, workload } = options;
  const secret = (purpose: string, type: string, stringData: Record<string, string>) =>
    kubernetes.request("POST", `/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name: `${cluster}-${purpose}`, labels: { "cluster.x-k8s.io/cluster-name": cluster } },
      type,
      stringData,
    });
  const { certificate, key } = workload.authority;
  await secret("ca", "cluster.x-k8s.io/secret", { "tls.crt": certificate, "tls.key": key });
  // Of any other type the control plane would take it for one of its own, and look for a certificate in it.
  await secret("kubeconfig", "Opaque", { value: kubeConfigFile(workload) });
}

/**
 * Does what `kubeadm init` does at its end on a first control plane, and what Cluster API waits for:
 * it stores kubeadm's configuration into the workload cluster.
 */
export async function markInitialized(workload: Kubernetes, kubernetesVersion: string): Promise<void> {
  const configuration = { apiVersion: "kubeadm.k8s.io/v1beta4", kind: "ClusterConfiguration", kubernetesVersion };
  await workload.request("POST", "/api/v1/namespaces/kube-system/configmaps", {
    metadata: { name: "kubeadm-config" },
    data: { ClusterConfiguration: JSON.stringify(configuration) },
  });
}

export interface NodeOptions {
  readonly name: string;
  readonly providerID: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a kubelet reports where nothing is wrong; Cluster API waits for all four. */
const healthy = { Ready: "True", MemoryPressure: "False", DiskPressure: "False", PIDPressure: "False" };

/**
 * Stands in for the kubelet of a machine that has joined: registers its Node, healthy. Before the
 * Machine's infrastructure says `provisioned`, or Cluster API may miss it.
 */
export async function registerNode(
  workload: Kubernetes,
  { name, providerID, labels = {} }: NodeOptions,
): Promise<void> {
  await workload.request("POST", "/api/v1/nodes", { metadata: { name, labels }, spec: { providerID } });
  const conditions = Object.entries(healthy).map(([type, status]) => ({ type, status, reason: "StandIn" }));
  const patch = { status: { conditions, nodeInfo: { kubeletVersion: "v1.35.4" } } };
  const contentType = "application/merge-patch+json";
  await workload.request("PATCH", `/api/v1/nodes/${name}/status`, patch, { contentType });
}
