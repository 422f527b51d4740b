/**
 * What the reconcilers of AcmeCluster and AcmeMachine have in common: whose the object is, whether it
 * may be touched, on whose behalf the cloud is called, and what a failure looks like in the status.
 */
import { ApiException } from "@kubernetes/client-node";
import { type Guard, GuardError } from "provider-guard";
import type { BootstrapVault } from "provider-guard/bootstrap";
import {
  type Condition,
  conditionFrom,
  isBeingMoved,
  isPaused,
  type KubernetesObject,
  ownerFromObject,
} from "provider-guard/cluster-api";
import type { EventRecorder } from "provider-guard/kubernetes";
import type { Api } from "./api.ts";
import type { Ec2 } from "./ec2.ts";
import type { Cluster, Machine, Stored } from "./kinds.ts";

export interface Context {
  readonly api: Api;
  readonly ec2: Ec2;
  readonly vault: BootstrapVault;
  readonly guard: Guard;
  readonly events: EventRecorder;
  readonly startedAt: number; // leads since then, in Unix milliseconds: who led before may have left things half done
  /** Ends the guard's waits when the provider stops. */
  readonly signal: AbortSignal;
}

/** Milliseconds until the object is looked at again even where nothing happens; `undefined` is never. */
export type Result = number | undefined;

/** Between two looks at what takes its time in the cloud. */
export const pollMs = 5_000;
/** Between two looks at what is as it should be: the cloud tells nobody that a machine is gone. */
export const resyncMs = 300_000;

export function condition(object: Stored, type: string, holds: boolean, reason: string, message = ""): Condition {
  return { type, status: holds ? "True" : "False", reason, message, ...observed(object) };
}

const observed = ({ metadata: { generation } }: Stored) =>
  generation === undefined ? {} : { observedGeneration: generation };

/** An owner reference is whatever somebody wrote: the owner must mean this very object. */
function checkMeant({ kind, metadata }: Stored, { spec }: Cluster | Machine): void {
  const { kind: meant, name } = spec?.infrastructureRef ?? {};
  if (meant === kind && name === metadata.name) return;
  const message = `${kind} ${metadata.name}: its owner's spec.infrastructureRef is ${meant} ${name}`;
  throw new GuardError("ERR_OWNER_INVALID", message);
}

/** Somebody else has written the object meanwhile. */
const isConflict = (error: unknown) => error instanceof ApiException && error.code === 409;

export interface Work<T> {
  readonly object: T;
  readonly cluster: Cluster;
  readonly machine: Machine | undefined;
}

/**
 * Runs `work` for an object that has an owner and is not paused, as the owner; errors go into the
 * condition Ready and an Event, and on to the queue, which knows when to try again.
 */
export async function reconcileAs<T extends Stored>(
  { api, guard, events, signal }: Context,
  object: T,
  work: (work: Work<T>) => Promise<Result>,
): Promise<Result> {
  const record = (error: unknown, action: string) => events.record({ ...object, ...object.metadata }, error, action);
  if (isBeingMoved(object)) return undefined;
  // Until Cluster API has adopted it there is nothing to do, and its adoption is an event.
  if (!object.metadata.ownerReferences?.some(({ kind }) => kind === "Cluster" || kind === "Machine")) return undefined;
  try {
    const owner = await ownerFromObject<KubernetesObject, Stored>(object, (ref) => api.get(ref));
    if (owner === undefined) return undefined;
    const cluster = owner.cluster as Cluster;
    if (isPaused(cluster, object)) {
      await api.setStatus(object, {}, condition(object, "Paused", true, "Paused"));
      return undefined;
    }
    const current = await api.setStatus(object, {}, condition(object, "Paused", false, "NotPaused"));
    const machine = owner.machine as Machine | undefined;
    if (object.kind === "AcmeCluster" || machine !== undefined) checkMeant(object, machine ?? cluster);
    const subject = { cluster, ...(machine !== undefined && { machine }) };
    return await guard.reconcile(subject, () => work({ object: current, cluster, machine }), { signal });
  } catch (error) {
    if (isConflict(error)) return 1_000; // no failure, but a reason to read the object again
    if (!signal.aborted) await tell(error).catch((failure) => record(failure, "WriteStatus"));
    throw error;
  }

  async function tell(error: unknown): Promise<void> {
    record(error, "Reconcile");
    const failed = { ...conditionFrom(error, { type: "Ready" }), ...observed(object) };
    // Though others write meanwhile: after a lasting failure nobody looks again for minutes.
    for (let tries = 5; tries > 0; tries--) {
      const now = await api.get<T>({ ...object, ...object.metadata });
      if (now?.metadata.uid !== object.metadata.uid) return;
      const written = await api.setStatus(now, {}, failed).catch((failure) => {
        if (!isConflict(failure)) throw failure;
      });
      if (written !== undefined) return;
    }
  }
}
