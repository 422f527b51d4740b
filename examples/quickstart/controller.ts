/**
 * A small Cluster API style controller: it compares what is wanted with what is there and takes one
 * step at a time, and comes back until there is nothing left to do. It saves an object's status
 * after each step; what it had not saved when it crashed, it does not know. It is the same for the
 * bare and for the guarded run.
 */
import type { Clock, Subject, Timer } from "provider-guard";
import type { Cloud } from "./cloud.ts";
import {
  type ClusterObject,
  type KubernetesApi,
  type KubernetesObject,
  keyOf,
  type MachineObject,
} from "./kubernetes.ts";

/** What one reconcile did, and when to come back. */
export interface Step {
  readonly did: string;
  readonly requeueMs?: number;
}

/** One reconcile, for the progress lines. */
export interface Report extends Step {
  readonly object: KubernetesObject;
  readonly failed: boolean;
}

export interface ControllerOptions {
  readonly api: KubernetesApi;
  readonly cloud: Cloud;
  readonly clock: Clock;
  /** Milliseconds between two looks at something that takes its time. */
  readonly pollMs: number;
  readonly report: (report: Report) => void;
  /** Runs one reconcile on somebody's behalf: `guard.reconcile`, or nothing. */
  readonly onBehalfOf: (subject: Subject, reconcile: () => Promise<Step>) => Promise<Step>;
  /** When to come back after an error: `requeueAfter`, or `undefined` for exponential backoff. */
  readonly requeueAfter: (error: unknown) => number | undefined;
}

const longestBackoffMs = 30_000;

/** Starts reconciling everything there is. @returns Stops it. */
export function startController(options: ControllerOptions): () => void {
  const { api, cloud, clock, pollMs, report, onBehalfOf, requeueAfter } = options;
  const timers = new Map<string, Timer>();
  const busy = new Set<string>();
  const missed = new Set<string>(); // objects that changed while they were being reconciled
  const failures = new Map<string, number>();
  let stopped = false;

  const isReady = ({ status }: ClusterObject) => cloud.parts.every((part) => status.parts[part] !== undefined);

  async function reconcileCluster(cluster: ClusterObject): Promise<Step> {
    if (cluster.deleting) return deleteCluster(cluster);
    const { parts } = cluster.status;
    const part = cloud.parts.find((name) => parts[name] === undefined);
    if (part === undefined) return { did: "is ready" };
    const id = await cloud.createPart(part, cluster);
    api.saveStatus(cluster, { parts: { ...parts, [part]: id } });
    return { did: `created ${part} ${id}`, requeueMs: 0 };
  }

  async function deleteCluster(cluster: ClusterObject): Promise<Step> {
    const machines = api.machines(cluster.name);
    for (const machine of machines) if (!machine.deleting) api.requestDeletion(machine);
    if (machines.length > 0) return { did: `waits for ${machines.length} machines to go`, requeueMs: pollMs };
    const parts = { ...cluster.status.parts } as Record<string, string>;
    const part = cloud.parts.findLast((name) => parts[name] !== undefined);
    const id = part && parts[part];
    if (part === undefined || id === undefined) {
      api.remove(cluster);
      return { did: "is gone" };
    }
    await cloud.deletePart(part, id);
    delete parts[part];
    api.saveStatus(cluster, { parts });
    return { did: `deleted ${part} ${id}`, requeueMs: 0 };
  }

  async function reconcileMachine(machine: MachineObject, cluster: ClusterObject): Promise<Step> {
    const { providerId, running } = machine.status;
    if (machine.deleting) return deleteMachine(machine);
    if (!isReady(cluster)) return { did: "waits for its cluster" }; // which wakes it
    if (providerId === undefined) {
      const id = await cloud.createMachine(machine, cluster);
      api.saveStatus(machine, { providerId: id, running: false });
      return { did: `created ${id}`, requeueMs: pollMs };
    }
    const state = await cloud.machineState(providerId);
    if (state !== "running")
      return { did: `${providerId} is ${state === "gone" ? "not visible" : state}`, requeueMs: pollMs };
    if (!running) api.saveStatus(machine, { providerId, running: true });
    return { did: `${providerId} is running` };
  }

  async function deleteMachine(machine: MachineObject): Promise<Step> {
    const { providerId } = machine.status;
    const state = providerId === undefined ? "gone" : await cloud.machineState(providerId);
    if (providerId === undefined || state === "gone") {
      api.remove(machine);
      return { did: "is gone" };
    }
    if (state !== "stopping") await cloud.deleteMachine(providerId);
    return { did: `${providerId} is stopping`, requeueMs: pollMs };
  }

  function clusterOf(object: KubernetesObject): ClusterObject | undefined {
    return object.kind === "Cluster" ? object : (api.get(`Cluster/${object.cluster}`) as ClusterObject | undefined);
  }

  async function reconcile(object: KubernetesObject): Promise<void> {
    const cluster = clusterOf(object);
    if (cluster === undefined) return;
    const key = keyOf(object);
    try {
      const step = await (object.kind === "Cluster"
        ? onBehalfOf({ cluster }, () => reconcileCluster(object))
        : onBehalfOf({ cluster, machine: object }, () => reconcileMachine(object, cluster)));
      failures.delete(key);
      report({ object, failed: false, ...step });
      if (step.requeueMs !== undefined) enqueue(key, step.requeueMs);
    } catch (error) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      const requeueMs = requeueAfter(error) ?? Math.min(longestBackoffMs, 1_000 * 2 ** count);
      report({ object, failed: true, did: nameOf(error), requeueMs });
      enqueue(key, requeueMs);
    }
  }

  /** Never twice at once for one object. */
  async function run(key: string): Promise<void> {
    const object = api.get(key);
    timers.delete(key);
    if (object === undefined) return;
    busy.add(key);
    await reconcile(object);
    busy.delete(key);
    if (missed.delete(key)) enqueue(key, 0);
  }

  function enqueue(key: string, delayMs: number): void {
    if (stopped) return;
    timers.get(key)?.cancel();
    timers.set(
      key,
      clock.setTimeout(() => void run(key), delayMs),
    );
  }

  function wake(object: KubernetesObject): void {
    const key = keyOf(object);
    if (busy.has(key)) missed.add(key);
    else enqueue(key, 0);
  }

  const endWatch = api.watch((event, object) => {
    if (event === "spec") wake(object);
    else if (object.kind === "Machine" && event === "gone") {
      const cluster = clusterOf(object);
      if (cluster !== undefined) wake(cluster);
    } else if (object.kind === "Cluster" && isReady(object)) api.machines(object.name).forEach(wake);
  });
  for (const object of [...api.clusters(), ...api.machines()]) wake(object);

  return () => {
    stopped = true;
    endWatch();
    for (const timer of timers.values()) timer.cancel();
  };
}

/** The error's own name for itself; never its message. */
function nameOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return String(code ?? name ?? "error");
}
