/** The provider's kinds and those of Cluster API, as far as this provider reads and writes them. */
import type { Condition, KubernetesObject, ObjectMetadata } from "provider-guard/cluster-api";

export const group = "infrastructure.acme.example";
export const version = "v1alpha1";
export const core = { group: "cluster.x-k8s.io", version: "v1beta2" } as const;

/** Keeps an object, and with it the Cluster or Machine, until its resources in the cloud are gone. */
export const finalizer = `${group}/resources`;

/** An object that the API server has stored. */
export interface Stored extends KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata & { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly status?: Status;
}

export interface Status {
  readonly initialization?: { readonly provisioned?: boolean };
  readonly conditions?: readonly Condition[];
}

export interface AcmeCluster extends Stored {
  readonly spec: {
    /** A load balancer or DNS name of yours in front of the control plane; this provider makes none. */
    readonly controlPlaneEndpoint?: { readonly host: string; readonly port: number };
    /** A network of yours; the cluster gets a security group of its own in it. */
    readonly vpcId: string;
    readonly subnets: readonly { readonly id: string; readonly failureDomain: string }[];
    /** From where the API server may be reached, besides the cluster's own machines. */
    readonly apiServerCidrs?: readonly string[];
  };
  readonly status?: Status & {
    readonly failureDomains?: readonly { readonly name: string; readonly controlPlane: boolean }[];
    readonly securityGroupId?: string;
  };
}

export interface AcmeMachine extends Stored {
  readonly spec: {
    readonly imageId: string;
    readonly instanceType: string;
    /** Name of the IAM instance profile whose role opens the bootstrap data. */
    readonly instanceProfile?: string;
    /** `aws:///ZONE/INSTANCE`, as the kubelet's cloud controller has it; written once, by this provider. */
    readonly providerID?: string;
  };
  readonly status?: Status & {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly failureDomain?: string;
  };
}

/** A Cluster of Cluster API. */
export interface Cluster extends Stored {
  readonly spec?: { readonly paused?: boolean; readonly infrastructureRef?: { kind?: string; name?: string } };
  readonly status?: Status & { readonly initialization?: { readonly infrastructureProvisioned?: boolean } };
}

/** A Machine of Cluster API. */
export interface Machine extends Stored {
  readonly spec: {
    readonly bootstrap: { readonly dataSecretName?: string };
    readonly failureDomain?: string;
    readonly infrastructureRef: { readonly kind: string; readonly name: string };
  };
}
