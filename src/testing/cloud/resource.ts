import type { Tags } from "../../core/tags.ts";

/** What can be made in the simulated cloud. */
export type ResourceType = "machine" | "network" | "volume" | "loadBalancer";

/** How far a resource has come. `in-use` is a volume that is attached. */
export type ResourceState = "pending" | "available" | "in-use" | "deleting" | "deleted";

interface ResourceBase {
  /** Immutable, never used again. */
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly tags: Tags;
  readonly state: ResourceState;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Unix milliseconds at which its deletion was asked for. */
  readonly deletedAt?: number;
}

/** A private network. It cannot be deleted while a machine or a load balancer is in it. */
export interface Network extends ResourceBase {
  readonly type: "network";
  readonly cidr: string;
}

/** A virtual machine in a network. */
export interface Machine extends ResourceBase {
  readonly type: "machine";
  readonly networkId: string;
  readonly image: string;
  readonly size: string;
}

/** A disk. It cannot be deleted while attached; it is detached when its machine goes. */
export interface Volume extends ResourceBase {
  readonly type: "volume";
  readonly sizeGb: number;
  readonly machineId?: string;
}

/** A load balancer in a network, in front of machines of that network. */
export interface LoadBalancer extends ResourceBase {
  readonly type: "loadBalancer";
  readonly networkId: string;
  readonly machineIds: readonly string[];
}

/** Which resource belongs to which type. */
export interface ResourceOf {
  readonly network: Network;
  readonly machine: Machine;
  readonly volume: Volume;
  readonly loadBalancer: LoadBalancer;
}

/** Any resource. */
export type CloudResource = ResourceOf[ResourceType];

interface CreateInput {
  readonly name: string;
  readonly tags?: Tags;
  /** Idempotency token: with the same token and input, the cloud answers with the first resource. */
  readonly clientToken?: string;
}

/** Input of `createNetwork`. */
export interface CreateNetworkInput extends CreateInput {
  /** @defaultValue `"10.0.0.0/16"` */
  readonly cidr?: string;
}

/** Input of `createMachine`. */
export interface CreateMachineInput extends CreateInput {
  readonly networkId: string;
  /** @defaultValue `"default"` */
  readonly image?: string;
  /** @defaultValue `"small"` */
  readonly size?: string;
  /** Bootstrap data: secret, never answered, never logged. */
  readonly userData?: string;
}

/** Input of `createVolume`. */
export interface CreateVolumeInput extends CreateInput {
  readonly sizeGb: number;
}

/** Input of `createLoadBalancer`. */
export interface CreateLoadBalancerInput extends CreateInput {
  readonly networkId: string;
  readonly machineIds?: readonly string[];
}
