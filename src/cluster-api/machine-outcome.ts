import type { KubernetesObject } from "../core/kubernetes-object.ts";
import { isBeingMoved } from "./object-facts.ts";

interface StatusCondition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
}

/** Where the contracts v1beta1 and v1beta2 keep failures. */
interface Failures {
  readonly failureReason?: string;
  readonly failureMessage?: string;
  readonly conditions?: readonly StatusCondition[];
}

/** A Machine as far as its coming up goes, in either contract version. */
export interface MachineObject extends KubernetesObject {
  readonly status?: Failures & {
    readonly phase?: string;
    readonly nodeRef?: { readonly name?: string };
    readonly v1beta2?: Failures;
    readonly deprecated?: { readonly v1beta1?: Failures };
  };
}

/** What a Machine's coming up ended with. */
export interface MachineOutcome {
  /** `node`: it has its NodeRef. `failed`: it will not get one. `deleted`: it is being deleted, or is gone. */
  readonly outcome: "node" | "failed" | "deleted";
  /** Name of its Node, if it has one. */
  readonly nodeName?: string;
  /** Why it failed, in CamelCase. Never the message, which may hold anything. */
  readonly reason?: string;
  /** Whether `clusterctl move` deletes it here because it lives on elsewhere, with another UID. */
  readonly moved: boolean;
}

const isFalse = ({ conditions }: Failures, type: string): StatusCondition | undefined =>
  Array.isArray(conditions) ? conditions.find((one) => one?.type === type && one.status === "False") : undefined;

/** A health check has given it up and its owner is to replace it: as MachineSet and control plane read it. */
function givenUp(failures: Failures): string | undefined {
  const unhealthy = isFalse(failures, "HealthCheckSucceeded");
  if (unhealthy === undefined || isFalse(failures, "OwnerRemediated") === undefined) return undefined;
  return unhealthy.reason ?? "HealthCheckSucceeded";
}

function failureOf({ status }: MachineObject): string | undefined {
  if (status === undefined) return undefined;
  const all = [status, status.v1beta2, status.deprecated?.v1beta1].filter((one) => one !== undefined && one !== null);
  for (const failures of all) {
    if (failures.failureReason) return failures.failureReason;
    if (failures.failureMessage) return "Failed";
  }
  if (status.phase === "Failed") return "Failed";
  return all.map(givenUp).find((reason) => reason !== undefined);
}

/**
 * Tells whether a Machine has come to where its bootstrap is over: it has its Node, has failed
 * (`failureReason`, `failureMessage`, phase `Failed`, or a health check that has its owner replace it),
 * or is being deleted. Reads the contracts v1beta1 and v1beta2.
 *
 * @param machine - The Machine.
 * @returns What it ended with, a deletion before a Node and a Node before a failure; `undefined` while
 *   it is on its way.
 * @example
 * import { machineOutcome } from "provider-guard/cluster-api";
 * machineOutcome({ status: { nodeRef: { name: "node-1" } } })?.outcome; // "node"
 */
export function machineOutcome(machine: MachineObject): MachineOutcome | undefined {
  const nodeName = machine.status?.nodeRef?.name;
  const node = nodeName ? { nodeName } : {};
  const moved = isBeingMoved(machine);
  if (moved || machine.metadata?.deletionTimestamp != null) return { outcome: "deleted", ...node, moved };
  if (nodeName) return { outcome: "node", nodeName, moved };
  const reason = failureOf(machine);
  return reason === undefined ? undefined : { outcome: "failed", reason, moved };
}
