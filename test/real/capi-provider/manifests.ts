import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadAllYaml } from "@kubernetes/client-node";

/** An object as a user writes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: object;
}

/** API group of the example provider's kinds, and their version. */
export const acme = "infrastructure.acme.example/v1alpha1";
export const core = "cluster.x-k8s.io";
export const kubernetesVersion = "v1.35.4";

/** Reads one of the example's manifests. */
export async function readManifests(folder: string, name: string): Promise<Manifest[]> {
  return loadAllYaml(await readFile(join(folder, `${name}.yaml`), "utf8"));
}

/** Where objects of this kind are made. */
export function pathOf({ apiVersion, kind, metadata: { namespace } }: Manifest): string {
  const plural = `${kind.toLowerCase()}s`.replace(/ys$/, "ies").replace(/sss$/, "sses");
  const place = namespace === undefined ? plural : `namespaces/${namespace}/${plural}`;
  return apiVersion.includes("/") ? `/apis/${apiVersion}/${place}` : `/api/${apiVersion}/${place}`;
}

/** Where machines are put. */
export interface Network {
  readonly vpc: string;
  readonly subnets: readonly { readonly id: string; readonly failureDomain: string }[];
  /** From where the API servers may be reached. */
  readonly cidrs: readonly string[];
}

export interface ClusterManifestOptions {
  readonly namespace: string;
  readonly name: string;
  readonly network: Network;
  /** Replicas of the MachineDeployment. @defaultValue 1 */
  readonly workers?: number;
  /** A Secret with bootstrap data for the workers: then there is no kubeadm, and no control plane. */
  readonly dataSecretName?: string | undefined;
  /** Where the workers are put; wherever the provider likes unless given. */
  readonly failureDomain?: string;
}

/** Lets the provider read the bootstrap data of a namespace, as a user must; see the example's rbac.yaml. */
export const opensNamespace = (namespace: string, name = "acme-provider-bootstrap-data") => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: { namespace, name },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "acme-provider-bootstrap-data" },
  subjects: [{ kind: "ServiceAccount", name: "acme-provider", namespace: "acme-system" }],
});

/** Bootstrap data as somebody without kubeadm would make it. */
export const bootstrapSecret = (namespace: string, name: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace, name },
  stringData: { value: "#cloud-config" },
});

/** A cluster as a user would apply it: a control plane of one machine, and workers. */
export function clusterManifests(options: ClusterManifestOptions): Manifest[] {
  const { namespace, name, network, workers = 1, failureDomain, dataSecretName } = options;
  const labels = { [`${core}/cluster-name`]: name };
  // Checked too early, a MachineSet would look again after 15 s only.
  const annotations = { "machineset.cluster.x-k8s.io/skip-preflight-checks": "All" };
  const object = (apiVersion: string, kind: string, spec: object): Manifest => ({
    apiVersion,
    kind,
    metadata: { namespace, name, labels, annotations },
    spec,
  });
  const infrastructureRef = { apiGroup: acme.split("/")[0], kind: "AcmeMachineTemplate", name };
  const nodeRegistration = { name: "{{ ds.meta_data.local_hostname }}" };
  const kubeadm = [
    object(`bootstrap.${core}/v1beta2`, "KubeadmConfigTemplate", {
      template: { spec: { joinConfiguration: { nodeRegistration } } },
    }),
    object(`controlplane.${core}/v1beta2`, "KubeadmControlPlane", {
      replicas: 1,
      version: kubernetesVersion,
      machineTemplate: { spec: { infrastructureRef } },
      kubeadmConfigSpec: { initConfiguration: { nodeRegistration } },
    }),
  ];
  return [
    opensNamespace(namespace, name),
    object(acme, "AcmeCluster", {
      controlPlaneEndpoint: { host: `api.${name}.example`, port: 6443 },
      vpcId: network.vpc,
      subnets: network.subnets,
      apiServerCidrs: network.cidrs,
    }),
    object(acme, "AcmeMachineTemplate", {
      template: { spec: { imageId: "ami-12345678", instanceType: "t3.small" } },
    }),
    ...(dataSecretName === undefined ? kubeadm : []),
    object(`${core}/v1beta2`, "MachineDeployment", {
      clusterName: name,
      replicas: workers,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          clusterName: name,
          version: kubernetesVersion,
          ...(failureDomain !== undefined && { failureDomain }),
          bootstrap:
            dataSecretName === undefined
              ? { configRef: { apiGroup: `bootstrap.${core}`, kind: "KubeadmConfigTemplate", name } }
              : { dataSecretName },
          infrastructureRef,
        },
      },
    }),
    object(`${core}/v1beta2`, "Cluster", {
      infrastructureRef: { apiGroup: acme.split("/")[0], kind: "AcmeCluster", name },
      ...(dataSecretName === undefined && {
        controlPlaneRef: { apiGroup: `controlplane.${core}`, kind: "KubeadmControlPlane", name },
      }),
    }),
  ];
}
