import { CoreV1Api, CustomObjectsApi, KubeConfig, Watch } from "@kubernetes/client-node";
import { managementClusterOf, objectSource } from "provider-guard/kubernetes";
import type { Kubernetes } from "../kubernetes.ts";

const group = "cluster.x-k8s.io";
const version = "v1beta2";

function crd(kind: string) {
  const plural = `${kind.toLowerCase()}s`;
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
}

/** Clusters and Machines on a real API server, without controllers: the test says who lives. */
export async function ownerObjects(kubernetes: Kubernetes, namespace: string) {
  const config = new KubeConfig();
  config.loadFromOptions(kubernetes.kubeConfig());
  const custom = config.makeApiClient(CustomObjectsApi);
  const core = config.makeApiClient(CoreV1Api);
  const watch = new Watch(config);
  for (const kind of ["Cluster", "Machine"]) {
    await kubernetes.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd(kind));
  }
  const at = (plural: string) => ({ group, version, namespace, plural });
  const sourceOf = (plural: string) =>
    objectSource({
      watch,
      list: (request, options) =>
        custom.listCustomObjectForAllNamespaces({ group, version, plural, ...request }, options),
      group,
      version,
      plural,
    });

  async function make(kind: "Cluster" | "Machine", name: string): Promise<string> {
    const body = { apiVersion: `${group}/${version}`, kind, metadata: { name, namespace } };
    for (let tries = 0; ; tries++) {
      try {
        const made = await custom.createNamespacedCustomObject({ ...at(`${kind.toLowerCase()}s`), body });
        return (made as { metadata: { uid: string } }).metadata.uid;
      } catch (error) {
        if (tries > 50) throw error; // a new kind is served some time after it was made
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  return {
    core,
    /** What `clusterOwners` takes. */
    sources: {
      clusters: sourceOf("clusters"),
      machines: sourceOf("machines"),
      managementCluster: await managementClusterOf(core),
      managementClusterUid: (options: { readonly signal: AbortSignal }) => managementClusterOf(core, options),
    },
    make,
    remove: (kind: "Cluster" | "Machine", name: string) =>
      custom.deleteNamespacedCustomObject({ ...at(`${kind.toLowerCase()}s`), name }),
    async empty() {
      for (const plural of ["clusters", "machines"]) await custom.deleteCollectionNamespacedCustomObject(at(plural));
    },
  };
}
