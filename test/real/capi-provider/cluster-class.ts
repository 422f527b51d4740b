import { acme, core, kubernetesVersion, type Manifest, type Network, opensNamespace } from "./manifests.ts";

export interface ClassOptions {
  readonly namespace: string;
  readonly name: string;
  readonly network: Network;
}

const bootstrap = `bootstrap.${core}/v1beta2`;
const controlPlane = `controlplane.${core}/v1beta2`;

/** A ClusterClass and its templates; a cluster's own name makes the endpoint of its API server. */
export function classManifests({ namespace, name, network }: ClassOptions): Manifest[] {
  const object = (apiVersion: string, kind: string, spec: object): Manifest => ({
    apiVersion,
    kind,
    metadata: { namespace, name },
    spec,
  });
  const templateRef = (apiVersion: string, kind: string) => ({ templateRef: { apiVersion, kind, name } });
  const nodeRegistration = { name: "{{ ds.meta_data.local_hostname }}" };
  const machine = { imageId: "ami-12345678", instanceType: "t3.small" };
  const endpoint = {
    op: "add",
    path: "/spec/template/spec/controlPlaneEndpoint",
    valueFrom: { template: '{"host":"api.{{ .builtin.cluster.name }}.example","port":6443}' },
  };
  return [
    opensNamespace(namespace),
    object(acme, "AcmeClusterTemplate", { template: { spec: { vpcId: network.vpc, subnets: network.subnets } } }),
    object(acme, "AcmeMachineTemplate", { template: { spec: machine } }),
    object(bootstrap, "KubeadmConfigTemplate", { template: { spec: { joinConfiguration: { nodeRegistration } } } }),
    object(controlPlane, "KubeadmControlPlaneTemplate", {
      template: { spec: { kubeadmConfigSpec: { initConfiguration: { nodeRegistration } } } },
    }),
    object(`${core}/v1beta2`, "ClusterClass", {
      infrastructure: templateRef(acme, "AcmeClusterTemplate"),
      controlPlane: {
        ...templateRef(controlPlane, "KubeadmControlPlaneTemplate"),
        machineInfrastructure: templateRef(acme, "AcmeMachineTemplate"),
      },
      workers: {
        machineDeployments: [
          {
            class: "worker",
            bootstrap: templateRef(bootstrap, "KubeadmConfigTemplate"),
            infrastructure: templateRef(acme, "AcmeMachineTemplate"),
          },
        ],
      },
      patches: [
        {
          name: "endpoint",
          definitions: [
            {
              selector: {
                apiVersion: acme,
                kind: "AcmeClusterTemplate",
                matchResources: { infrastructureCluster: true },
              },
              jsonPatches: [endpoint],
            },
          ],
        },
      ],
    }),
  ];
}

/** A cluster of a class, with a control plane of one machine. */
export function topologyCluster(options: { namespace: string; name: string; className: string }): Manifest {
  const { namespace, name, className } = options;
  const topology = { classRef: { name: className }, version: kubernetesVersion, controlPlane: { replicas: 1 } };
  return { apiVersion: `${core}/v1beta2`, kind: "Cluster", metadata: { namespace, name }, spec: { topology } };
}
