/**
 * What the controller needs of a cloud. It has two implementations, simulator-cloud.ts and
 * ec2-cloud.ts, each a few lines around the cloud's own client; neither knows whether that client
 * is guarded.
 */
import type { ClusterObject, MachineObject } from "./kubernetes.ts";

export interface Cloud {
  /** What a cluster needs before its machines, in order of creation. */
  readonly parts: readonly string[];
  /** Makes one part. @returns Its id. */
  createPart(part: string, cluster: ClusterObject): Promise<string>;
  /** Deletes one part; one that is gone already is fine. */
  deletePart(part: string, id: string): Promise<void>;
  /** Makes a machine. @returns Its id. */
  createMachine(machine: MachineObject, cluster: ClusterObject): Promise<string>;
  /** Clouds take a moment to show what is new: `gone` may also mean "not yet". */
  machineState(id: string): Promise<"starting" | "running" | "stopping" | "gone">;
  /** Asks for a machine's deletion; one that is gone already is fine. */
  deleteMachine(id: string): Promise<void>;
}
