/**
 * Builds Cluster API's core, kubeadm bootstrap and kubeadm control plane, unless they were built before.
 * Returns a folder with one for each, which holds `manager`, `crds/*.yaml` and `webhooks.yaml`.
 */
export function buildClusterApi(): Promise<string>;
