/**
 * Stands for the Kubernetes API server: Cluster and Machine objects with their status, in a Map.
 * Like the real one it survives a crash of the controller; only what was saved here is remembered.
 */
import type { ObjectRef } from "provider-guard";

/** A Cluster: what its machines need in the cloud. */
export interface ClusterObject extends ObjectRef {
  readonly kind: "Cluster";
  /** Somebody asked for its deletion. */
  readonly deleting: boolean;
  readonly status: {
    /** Ids in the cloud by part, e.g. `network`. */
    readonly parts: Readonly<Record<string, string>>;
  };
}

/** A Machine of a cluster. */
export interface MachineObject extends ObjectRef {
  readonly kind: "Machine";
  /** Name of its cluster. */
  readonly cluster: string;
  readonly deleting: boolean;
  readonly status: {
    /** Id in the cloud: Cluster API calls it providerID. */
    readonly providerId?: string;
    readonly running: boolean;
  };
}

export type KubernetesObject = ClusterObject | MachineObject;

/** `spec`: something is wanted of this object. `status`: its controller wrote it. `gone`: it was removed. */
export type WatchEvent = "spec" | "status" | "gone";

export interface KubernetesApi {
  get(key: string): KubernetesObject | undefined;
  clusters(): ClusterObject[];
  machines(cluster?: string): MachineObject[];
  add(object: KubernetesObject): void;
  saveStatus(object: KubernetesObject, status: KubernetesObject["status"]): void;
  requestDeletion(object: KubernetesObject): void;
  remove(object: KubernetesObject): void;
  /** @returns Ends the watch. */
  watch(listener: (event: WatchEvent, object: KubernetesObject) => void): () => void;
}

export const keyOf = ({ kind, name }: KubernetesObject): string => `${kind}/${name}`;

export function kubernetesApi(): KubernetesApi {
  const objects = new Map<string, KubernetesObject>();
  const listeners = new Set<(event: WatchEvent, object: KubernetesObject) => void>();

  const isCluster = (object: KubernetesObject) => object.kind === "Cluster";
  const isMachine = (object: KubernetesObject) => object.kind === "Machine";
  const tell = (event: WatchEvent, object: KubernetesObject) => {
    for (const listener of listeners) listener(event, object);
  };
  /** Changes the stored object: the caller's copy may be old. */
  const change = (event: WatchEvent, object: KubernetesObject, fields: object) => {
    const stored = objects.get(keyOf(object));
    if (stored === undefined) return;
    const changed = { ...stored, ...fields } as KubernetesObject;
    objects.set(keyOf(object), changed);
    tell(event, changed);
  };

  return {
    get: (key) => objects.get(key),
    clusters: () => [...objects.values()].filter(isCluster),
    machines: (cluster) =>
      [...objects.values()].filter(isMachine).filter((machine) => cluster === undefined || machine.cluster === cluster),
    add(object) {
      objects.set(keyOf(object), object);
      tell("spec", object);
    },
    saveStatus: (object, status) => change("status", object, { status }),
    requestDeletion: (object) => change("spec", object, { deleting: true }),
    remove(object) {
      if (objects.delete(keyOf(object))) tell("gone", object);
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Three clusters with four machines each; names and UIDs as a real API server would give them. */
export function addClusters(api: KubernetesApi, random: () => number): void {
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
  const uid = () => [8, 4, 4, 4, 12].map(hex).join("-");
  for (const cluster of ["blue", "green", "red"]) {
    const common = { namespace: "demo", deleting: false };
    api.add({ ...common, kind: "Cluster", name: cluster, uid: uid(), status: { parts: {} } });
    for (const role of ["control-plane", "worker-1", "worker-2", "worker-3"]) {
      const name = `${cluster}-${role}`;
      api.add({ ...common, kind: "Machine", name, cluster, uid: uid(), status: { running: false } });
    }
  }
}
