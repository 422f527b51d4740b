/**
 * Feeds the queue from watches: the provider's own objects, and the Clusters and Machines of Cluster
 * API that they wait for. What does not concern a reconcile, its own writes to the status above all,
 * wakes nobody.
 */
import { type CustomObjectsApi, type KubeConfig, Watch } from "@kubernetes/client-node";
import { clusterNameLabel, type ObjectChange, watchObjects } from "provider-guard/cluster-api";
import { objectSource } from "provider-guard/kubernetes";
import { reconcileCluster } from "./cluster.ts";
import { type AcmeCluster, type AcmeMachine, type Cluster, core, group, type Stored, version } from "./kinds.ts";
import { reconcileMachine } from "./machine.ts";
import { workQueue } from "./queue.ts";
import type { Context } from "./reconcile.ts";

export interface ControllerOptions extends Omit<Context, "signal"> {
  readonly config: KubeConfig;
  readonly objects: CustomObjectsApi;
  readonly onError: (where: string, error: unknown, requeueMs?: number) => void;
}

export interface Controller {
  /** Whether everything that was there at the start has been seen. */
  readonly synced: boolean;
  /** Begins nothing anymore, and resolves once nothing runs. */
  stop(): Promise<void>;
}

const keyOf = (kind: string, namespace: string | undefined, name: string) => `${kind}/${namespace}/${name}`;

/** What a reconcile depends on; the status but for the steps of initialization is only told by it. */
function inputOf({ metadata, status }: Stored): string {
  const { uid, generation, deletionTimestamp, annotations, ownerReferences } = metadata;
  return JSON.stringify([uid, generation, deletionTimestamp, annotations, ownerReferences, status?.initialization]);
}

export function startController(options: ControllerOptions): Controller {
  const { config, objects, onError, ...context } = options;
  const queue = workQueue({
    concurrency: 10,
    onError,
    async work(key, signal) {
      const [kind = "", namespace = "", name = ""] = key.split("/");
      const found = await context.api.get({ apiVersion: `${group}/${version}`, kind, namespace, name });
      if (found === undefined) return undefined;
      if (kind === "AcmeCluster") return reconcileCluster({ ...context, signal }, found as AcmeCluster);
      return reconcileMachine({ ...context, signal }, found as AcmeMachine);
    },
  });

  /** By key of each AcmeMachine, the Cluster that its label names. */
  const clusters = new Map<string, string | undefined>();

  const wakes: Readonly<Record<string, (object: Stored) => void>> = {
    AcmeCluster: ({ metadata }) => queue.add(keyOf("AcmeCluster", metadata.namespace, metadata.name)),
    AcmeMachine({ metadata }) {
      const key = keyOf("AcmeMachine", metadata.namespace, metadata.name);
      clusters.set(key, keyOf("Cluster", metadata.namespace, metadata.labels?.[clusterNameLabel] ?? ""));
      queue.add(key);
    },
    Cluster(object) {
      wakeReferenced(object);
      const { namespace, name } = object.metadata;
      const key = keyOf("Cluster", namespace, name);
      for (const [machine, cluster] of clusters) if (cluster === key) queue.add(machine);
    },
    Machine: wakeReferenced,
  };

  function wakeReferenced(object: Stored): void {
    const { kind, name } = (object as Cluster).spec?.infrastructureRef ?? {};
    if (name === undefined || (kind !== "AcmeCluster" && kind !== "AcmeMachine")) return;
    queue.add(keyOf(kind, object.metadata.namespace, name));
  }

  function follow(kind: string) {
    const place = kind.startsWith("Acme") ? { group, version } : core;
    const inputs = new Map<string, string>();
    const plural = `${kind.toLowerCase()}s`;
    return watchObjects<Stored>({
      source: objectSource({ watch: new Watch(config), list: objects, ...place, plural }),
      onError: (error) => onError(`watch of ${plural}`, error),
      onChange({ type, ref, object }: ObjectChange<Stored>) {
        if (type === "deleted") {
          inputs.delete(ref.uid);
          clusters.delete(keyOf(kind, ref.namespace, ref.name));
          return;
        }
        const input = inputOf(object);
        if (inputs.get(ref.uid) === input) return;
        inputs.set(ref.uid, input);
        wakes[kind]?.(object);
      },
    });
  }

  const watches = Object.keys(wakes).map(follow);
  let synced = false;
  const first = Promise.all(watches.map((watch) => watch.synced()));
  first.then(() => (synced = true)).catch(() => {}); // closed before

  return {
    get synced() {
      return synced;
    },
    async stop() {
      await Promise.all(watches.map((watch) => watch.close()));
      await queue.stop(new Error("the provider is stopping"));
    },
  };
}
