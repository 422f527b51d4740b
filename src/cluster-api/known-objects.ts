import type { KubernetesObject } from "../core/kubernetes-object.ts";
import type { ObjectRef } from "../core/owner.ts";
import type { Identified } from "./list-pages.ts";

/** What became of one object, told apart by its UID. */
export type ObjectChange<T extends KubernetesObject = KubernetesObject> =
  | { readonly type: "added" | "changed"; readonly ref: ObjectRef; readonly object: T }
  | {
      readonly type: "deleted";
      readonly ref: ObjectRef;
      /** As it last was; missing where the deletion was found out afterwards. */
      readonly object?: T;
    };

interface Known {
  readonly ref: ObjectRef;
  resourceVersion: string | undefined;
  /** The list that it was seen in last. */
  list: number;
}

/** The objects that were told, and no more of them than tells what has changed. */
export interface KnownObjects<T extends KubernetesObject> {
  readonly size: number;
  /** A list begins: what it does not show is gone. */
  beginList(): void;
  endList(): void;
  /** It is so now. */
  put(object: T & Identified): void;
  remove(object: T & Identified): void;
}

/** Remembers each object's name and version, and tells each change once. */
export function knownObjects<T extends KubernetesObject>(tell: (change: ObjectChange<T>) => void): KnownObjects<T> {
  const byUid = new Map<string, Known>();
  const uids = new Map<string, string>();
  let list = 0;

  const nameOf = ({ namespace, name }: ObjectRef) => `${namespace}/${name}`;

  function forget(known: Known, object?: T): void {
    byUid.delete(known.ref.uid);
    if (uids.get(nameOf(known.ref)) === known.ref.uid) uids.delete(nameOf(known.ref));
    tell({ type: "deleted", ref: known.ref, ...(object === undefined ? {} : { object }) });
  }

  function put(object: T & Identified): void {
    const { namespace = "", name, uid, resourceVersion } = object.metadata;
    const known = byUid.get(uid);
    if (known === undefined) {
      const ref = Object.freeze({ namespace, name, uid });
      const predecessor = byUid.get(uids.get(nameOf(ref)) ?? "");
      if (predecessor !== undefined) forget(predecessor);
      byUid.set(uid, { ref, resourceVersion, list });
      uids.set(nameOf(ref), uid);
      tell({ type: "added", ref, object });
      return;
    }
    known.list = list;
    if (resourceVersion !== undefined && known.resourceVersion === resourceVersion) return;
    known.resourceVersion = resourceVersion;
    tell({ type: "changed", ref: known.ref, object });
  }

  return {
    get size() {
      return byUid.size;
    },
    beginList: () => void list++,
    put,
    endList() {
      for (const known of [...byUid.values()]) if (known.list !== list) forget(known);
    },
    remove(object) {
      const known = byUid.get(object.metadata.uid);
      if (known !== undefined) forget(known, object);
    },
  };
}
