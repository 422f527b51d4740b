/**
 * What the reconcilers ask of the API server. They read what is there now, not a cache: a stale
 * object could have them make a second machine. Nothing is written that is so already, and what is
 * written is bound to the version that was read, so that a conflict comes back instead of a lost change.
 */
import { type CoreV1Api, type CustomObjectsApi, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { readErrorInfo } from "provider-guard";
import type { SealOptions } from "provider-guard/bootstrap";
import { type Condition, clusterNameLabel, type ObjectLookupRef, setCondition } from "provider-guard/cluster-api";
import { type AcmeMachine, core, finalizer, group, type Status, type Stored, version } from "./kinds.ts";

export interface Api {
  /** An object of the provider's or Cluster API's, or `undefined` where there is none. */
  get<T extends Stored>(ref: ObjectLookupRef): Promise<T | undefined>;
  /** The AcmeMachines of a Cluster. */
  machinesOf(cluster: Stored): Promise<readonly AcmeMachine[]>;
  /** Bootstrap data as the bootstrap provider made it: secret. */
  bootstrapData(namespace: string, secretName: string): Promise<Pick<SealOptions, "data" | "format"> | undefined>;
  /** @returns The object as it is afterwards. */
  setFinalizer<T extends Stored>(object: T, wanted: boolean): Promise<T>;
  setSpec<T extends Stored>(object: T, spec: object): Promise<T>;
  /** Writes what differs of the status, with these conditions put into its list. */
  setStatus<T extends Stored>(object: T, status: Status & object, ...conditions: readonly Condition[]): Promise<T>;
}

/** Kinds of Cluster API's contract have the plural that it computes. */
const pluralOf = (kind: string) => `${kind.toLowerCase()}s`;

/** Whether everything that `wanted` names is so; what else there is does not matter. */
function holds(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return actual === wanted;
  if (Array.isArray(wanted) && Object(actual).length !== wanted.length) return false;
  return Object.entries(wanted).every(([key, value]) => holds(Object(actual)[key], value));
}

function missing(error: unknown): undefined {
  if (readErrorInfo(error).class !== "not-found") throw error;
}

export function connect(objects: CustomObjectsApi, secrets: CoreV1Api): Api {
  const mergePatch = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
  const placeOf = ({ apiVersion, kind, metadata: { namespace, name } }: Stored) => {
    const [group = "", version = ""] = apiVersion.split("/");
    return { group, version, plural: pluralOf(kind), namespace, name };
  };
  const bodyOf = ({ metadata: { resourceVersion } }: Stored, change: { metadata?: object }) => ({
    ...change,
    metadata: { ...change.metadata, resourceVersion },
  });
  const patch = <T extends Stored>(object: T, change: object): Promise<T> =>
    objects.patchNamespacedCustomObject({ ...placeOf(object), body: bodyOf(object, change) }, mergePatch);

  return {
    get: ({ apiVersion, kind, namespace, name }) => {
      const [group = "", given = ""] = apiVersion.split("/");
      const version = group === core.group ? core.version : given; // owner references may name an older one
      const place = { group, version, plural: pluralOf(kind), namespace, name };
      return objects.getNamespacedCustomObject(place).catch(missing);
    },
    async machinesOf({ metadata: { namespace, name } }) {
      const labelSelector = `${clusterNameLabel}=${name}`;
      const place = { group, version, plural: "acmemachines", namespace, labelSelector };
      return (await objects.listNamespacedCustomObject(place)).items;
    },
    async bootstrapData(namespace, name) {
      const secret = await secrets.readNamespacedSecret({ namespace, name }).catch(missing);
      const { value = "", format = "" } = secret?.data ?? {};
      const isIgnition = Buffer.from(format, "base64").toString() === "ignition";
      return secret && { data: Buffer.from(value, "base64"), format: isIgnition ? "ignition" : "cloud-config" };
    },
    async setFinalizer(object, wanted) {
      const before = object.metadata.finalizers ?? [];
      if (before.includes(finalizer) === wanted) return object;
      const finalizers = wanted ? [...before, finalizer] : before.filter((one) => one !== finalizer);
      return patch(object, { metadata: { finalizers } });
    },
    async setSpec(object, spec) {
      return holds((object as { spec?: object }).spec, spec) ? object : patch(object, { spec });
    },
    async setStatus(object, status, ...conditions) {
      const before = object.status?.conditions ?? [];
      const after = conditions.reduce((list, one) => setCondition(list, one, Date.now()), before);
      if (after === before && holds(object.status, status)) return object;
      const body = bodyOf(object, { status: { ...status, conditions: after } } as object);
      return objects.patchNamespacedCustomObjectStatus({ ...placeOf(object), body }, mergePatch);
    },
  };
}
