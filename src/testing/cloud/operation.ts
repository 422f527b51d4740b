import type { CallKind } from "../../core/target.ts";
import type { ResourceType } from "./resource.ts";

/** What is constant about one operation of the simulated cloud. */
export interface OperationFacts {
  readonly kind: CallKind;
  readonly resourceType?: ResourceType;
  /** Where the first argument holds tags. */
  readonly tags?: string;
  /** Where the first argument holds the idempotency token. */
  readonly token?: string;
  /** Where the first argument names resources. */
  readonly targets?: readonly string[];
  /** Fields of the first argument that may be recorded. */
  readonly record: readonly string[];
}

const page = ["pageToken", "pageSize", "ids", "tags"];
const create = { kind: "create", tags: "tags", token: "clientToken" } as const;

const one = { record: ["id"] } as const;
const read = (resourceType?: ResourceType) => ({ kind: "read", ...(resourceType && { resourceType }) }) as const;
const removal = (resourceType: ResourceType) => ({ kind: "delete", resourceType, targets: ["id"], ...one }) as const;

/** Every operation of the simulated cloud. */
export const cloudOperations = {
  describeResources: { ...read(), record: page },
  describeResource: { ...read(), ...one },
  describeNetworks: { ...read("network"), record: page },
  describeNetwork: { ...read("network"), ...one },
  describeMachines: { ...read("machine"), record: page },
  describeMachine: { ...read("machine"), ...one },
  describeVolumes: { ...read("volume"), record: page },
  describeVolume: { ...read("volume"), ...one },
  describeLoadBalancers: { ...read("loadBalancer"), record: page },
  describeLoadBalancer: { ...read("loadBalancer"), ...one },
  createNetwork: { ...create, resourceType: "network", record: ["name", "tags", "cidr"] },
  createMachine: { ...create, resourceType: "machine", record: ["name", "tags", "networkId", "image", "size"] },
  createVolume: { ...create, resourceType: "volume", record: ["name", "tags", "sizeGb"] },
  createLoadBalancer: { ...create, resourceType: "loadBalancer", record: ["name", "tags", "networkId", "machineIds"] },
  attachVolume: {
    kind: "update",
    resourceType: "volume",
    targets: ["volumeId", "machineId"],
    record: ["volumeId", "machineId"],
  },
  detachVolume: { kind: "update", resourceType: "volume", targets: ["volumeId"], record: ["volumeId"] },
  updateLoadBalancer: {
    kind: "update",
    resourceType: "loadBalancer",
    targets: ["id"],
    record: ["id", "machineIds"],
  },
  tagResource: { kind: "update", tags: "tags", targets: ["ids"], record: ["ids", "tags"] },
  untagResource: { kind: "update", targets: ["ids"], record: ["ids", "keys"] },
  deleteNetwork: removal("network"),
  terminateMachine: removal("machine"),
  deleteVolume: removal("volume"),
  deleteLoadBalancer: removal("loadBalancer"),
} as const satisfies Record<string, OperationFacts>;

/** Name of an operation of the simulated cloud. */
export type CloudOperation = keyof typeof cloudOperations;
