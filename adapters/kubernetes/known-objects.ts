import { LRUCache } from "lru-cache";
import { fieldsOf } from "../../src/core/kubernetes-status.ts";
import type { Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import { type ObjectRef, objectId } from "./object-ref.ts";

/** What was last seen of an object. */
export interface KnownObject {
  readonly id: string;
  readonly uid: string | undefined;
  /** What of its labels and annotations is under the reserved prefix. */
  readonly labels: Tags;
  readonly annotations: Tags;
}

/** Remembers objects by account and id, for preconditions and to tell what a replacement changes. */
export interface KnownObjects {
  learn(account: string, object: KnownObject): void;
  get(account: string, id: string): KnownObject | undefined;
  forget(account: string, id: string): void;
}

const max = 10_000;

/** Makes a memory of {@link max} objects. */
export function knownObjects(): KnownObjects {
  const objects = new LRUCache<string, KnownObject>({ max });
  const keyOf = (account: string, id: string) => `${account} ${id}`;
  return {
    learn: (account, object) => void objects.set(keyOf(account, object.id), object),
    get: (account, id) => objects.get(keyOf(account, id)),
    forget: (account, id) => void objects.delete(keyOf(account, id)),
  };
}

const textIn = (value: unknown) => (typeof value === "string" ? value : "");

/** Text entries under the reserved prefix. */
export function reservedIn(map: unknown): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [key, value] of Object.entries(fieldsOf(map))) {
    if (key.startsWith(plainTags.prefix) && typeof value === "string") tags[key] = value;
  }
  return tags;
}

/** An object's owner tags, wherever they stand; a label goes before an annotation of its name. */
export const tagsOf = ({ labels, annotations }: Pick<KnownObject, "labels" | "annotations">): Tags => ({
  ...annotations,
  ...labels,
});

/** What of an object's metadata is under the reserved prefix. */
export const reservedMaps = (metadata: unknown) => ({
  labels: reservedIn(fieldsOf(metadata).labels),
  annotations: reservedIn(fieldsOf(metadata).annotations),
});

/** What an object in an answer says of itself, if it is one. */
export function readObject(object: unknown, { group, resource }: Pick<ObjectRef, "group" | "resource">) {
  const { metadata } = fieldsOf(object);
  const { name, namespace, uid } = fieldsOf(metadata);
  if (typeof name !== "string" || name === "") return undefined;
  const id = objectId({ group, resource, namespace: textIn(namespace), name });
  return { id, uid: textIn(uid) || undefined, ...reservedMaps(metadata) } satisfies KnownObject;
}

/** Objects in the JSON of an answer about this kind of resource: one, or a list's items. */
export function* objectsIn(json: unknown, ref: Pick<ObjectRef, "group" | "resource">): Iterable<KnownObject> {
  const { kind, items } = fieldsOf(json);
  if (kind === "Status") return;
  for (const item of Array.isArray(items) ? items : [json]) {
    const object = readObject(item, ref);
    if (object !== undefined) yield object;
  }
}
