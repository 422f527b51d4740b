/**
 * What the reconcilers of AcmeCluster and AcmeMachine have in common: whose the object is, whether it
 * may be touched, on whose behalf the cloud is called, and what a failure looks like in the status.
 */
import { ApiException } from "@kubernetes/client-node";
import { type Guard, isGuardError } from "provider-guard";
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
  readonly guard: Guard;
  readonly events: EventRecorder;
  /** Ends the guard's waits when the provider stops. */
  readonly signal: AbortSignal;
}

/** Milliseconds until the object is looked at again even where nothing happens; `undefined` is never. */
export type Result = number | undefined;

/** Between two looks at what takes its time in the cloud. */
export const pollMs = 5_000;
/** Between two looks at what is as it should be: the cloud tells nobody that a machine is gone. */
export const resyncMs = 300_000;

const conflictMs = 1_000;

export function condition(object: Stored, type: string, holds: boolean, reason: string, message = ""): Condition {
  const { generation } = object.metadata;
  const status = holds ? "True" : "False";
  return { type, status, reason, message, ...(generation !== undefined && { observedGeneration: generation }) };
}

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
    const subject = { cluster, ...(machine !== undefined && { machine }) };
    return await guard.reconcile(subject, () => work({ object: current, cluster, machine }), { signal });
  } catch (error) {
    // Somebody else has written the object meanwhile: no failure, but a reason to read it again.
    if (error instanceof ApiException && error.code === 409) return conflictMs;
    if (!signal.aborted) await tell(error);
    throw error;
  }

  async function tell(error: unknown): Promise<void> {
    // The guard's own refusals have told their Event already; they concern Cluster and Machine.
    if (!isGuardError(error)) events.record({ ...object, ...object.metadata }, error, "Reconcile");
    const { generation } = object.metadata;
    const failed = conditionFrom(error, {
      type: "Ready",
      ...(generation !== undefined && { observedGeneration: generation }),
    });
    const { apiVersion, kind, metadata } = object;
    const now = await api.get<T>({ apiVersion, kind, namespace: metadata.namespace, name: metadata.name });
    if (now?.metadata.uid === metadata.uid) await api.setStatus(now, {}, failed);
  }
}
