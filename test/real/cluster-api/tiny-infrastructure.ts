import { KubernetesRequestError } from "../kubernetes/request.ts";
import type { Kubernetes } from "../kubernetes/start.ts";
import type { CustomResourceDefinition } from "./manifests.ts";
import { markInitialized, registerNode } from "./workload.ts";

/** A group of no real provider. */
export const tinyGroup = "infrastructure.tiny.example";

function tinyCrd(kind: string): CustomResourceDefinition {
  const plural = `${kind.toLowerCase()}s`;
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${tinyGroup}`, labels: { "cluster.x-k8s.io/v1beta2": "v1" } },
    spec: {
      group: tinyGroup,
      scope: "Namespaced",
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec: open, status: open } } },
          subresources: { status: {} },
        },
      ],
    },
  };
}

/** The kinds that Cluster API's contract asks of a provider, with nothing in them that it does not look at. */
export const tinyCrds = ["TinyCluster", "TinyMachine", "TinyMachineTemplate"].map(tinyCrd);

interface TinyObject {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly status?: { readonly initialization?: { readonly provisioned?: boolean } };
}

interface Machine {
  readonly spec: { readonly bootstrap: { readonly dataSecretName?: string } };
}

const finalizer = `${tinyGroup}/machine`;
const controlPlane = "cluster.x-k8s.io/control-plane";

/**
 * Acts once as the provider of everything in a namespace: provisions what waits for it, and lets go
 * of what is being deleted.
 */
export async function actAsTinyProvider(
  kubernetes: Kubernetes,
  namespace: string,
  workload: Kubernetes,
): Promise<void> {
  const tiny = (plural: string, rest = "") => `/apis/${tinyGroup}/v1/namespaces/${namespace}/${plural}${rest}`;
  const list = async (plural: string) => (await kubernetes.request<{ items: TinyObject[] }>("GET", tiny(plural))).items;
  const patch = (plural: string, rest: string, body: unknown) =>
    kubernetes.request("PATCH", tiny(plural, rest), body, { contentType: "application/merge-patch+json" });
  const provisioned = { status: { initialization: { provisioned: true } } };

  for (const { metadata, status } of await list("tinyclusters")) {
    if (status?.initialization?.provisioned || metadata.deletionTimestamp !== undefined) continue;
    await patch("tinyclusters", `/${metadata.name}`, {
      spec: { controlPlaneEndpoint: { host: "127.0.0.1", port: workload.port } },
    });
    await patch("tinyclusters", `/${metadata.name}/status`, provisioned);
  }
  for (const { metadata, status } of await list("tinymachines")) {
    const { name, labels = {} } = metadata;
    if (metadata.deletionTimestamp !== undefined) {
      await workload.request("DELETE", `/api/v1/nodes/${name}`).catch((error) => {
        if (!(error instanceof KubernetesRequestError) || error.status !== 404) throw error;
      });
      await patch("tinymachines", `/${name}`, { metadata: { finalizers: null } });
      continue;
    }
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === "Machine");
    if (owner === undefined || status?.initialization?.provisioned) continue;
    const machine = await kubernetes.request<Machine>(
      "GET",
      `/apis/cluster.x-k8s.io/v1beta2/namespaces/${namespace}/machines/${owner.name}`,
    );
    if (machine.spec.bootstrap.dataSecretName === undefined) continue;
    const providerID = `tiny://${namespace}/${name}`;
    await patch("tinymachines", `/${name}`, { metadata: { finalizers: [finalizer] }, spec: { providerID } });
    if (controlPlane in labels) await markInitialized(workload, "v1.35.4");
    await registerNode(workload, { name, providerID });
    await patch("tinymachines", `/${name}/status`, provisioned);
  }
}
