import type { Call } from "../../src/core/call.ts";
import { fieldsOf } from "../../src/core/kubernetes-status.ts";
import type { Owner } from "../../src/core/owner.ts";
import type { Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import { foreign, isNamesake } from "../../src/ownership/standing.ts";
import { type KnownObject, objectsIn, tagsOf } from "./known-objects.ts";
import { type ObjectRef, objectId, pathOf } from "./object-ref.ts";

/** Reads one page of a list, as metadata alone. @returns Its JSON; `undefined` where there is no such kind. */
export type ReadPage = (path: string) => Promise<unknown>;

type Query = Readonly<Record<string, string>>;

const pageSize = 500;

/** The labels by which everything that an owner may delete can be selected. */
function pinsOf({ managementCluster, provider, cluster }: Owner): Tags {
  const { prefix } = plainTags;
  return {
    [`${prefix}management-cluster`]: managementCluster,
    [`${prefix}provider`]: provider,
    ...(cluster === undefined ? {} : { [`${prefix}cluster-uid`]: cluster.uid }),
  };
}

const selectors = ({ labelSelector, fieldSelector }: Query) => ({
  ...(labelSelector ? { labelSelector } : {}),
  ...(fieldSelector ? { fieldSelector } : {}),
});

/** Whether a selector lets nothing through but what is the owner's. */
function selectsOwn({ labelSelector = "" }: Query, owner: Owner): boolean {
  const required = new Set(labelSelector.split(",").map((part) => part.trim().replace(/\s*==?\s*/, "=")));
  return Object.entries(pinsOf(owner)).every(([key, value]) => required.has(`${key}=${value}`));
}

/** Names what a delete of a collection is about, for whoever has to be asked whose it is; `undefined` where the selector says it. */
export function collectionTarget(ref: ObjectRef, query: Query, owner: Owner): string | undefined {
  if (selectsOwn(query, owner)) return undefined;
  const selected = new URLSearchParams(selectors(query)).toString();
  return `${objectId({ ...ref, name: "*" })}${selected === "" ? "" : `?${selected}`}`;
}

/** Deletes of which all objects were seen to bear the owner's labels. */
const narrowed = new WeakMap<Call, string>();

/** The selector that keeps a checked delete away from what others have made since; `undefined` where there is none. */
export const narrowedSelector = (call: Call): string | undefined => narrowed.get(call);

async function* listed(ref: ObjectRef, query: Query, read: ReadPage): AsyncIterable<KnownObject> {
  const path = pathOf({ ...ref, name: "" }).replace(/\/$/, "");
  const params = new URLSearchParams({ ...selectors(query), limit: String(pageSize) });
  for (;;) {
    const page = await read(`${path}?${params}`);
    yield* objectsIn(fieldsOf(page).items === undefined ? undefined : page, ref);
    const next = fieldsOf(fieldsOf(page).metadata).continue;
    if (typeof next !== "string" || next === "") return;
    params.set("continue", next);
  }
}

/**
 * Looks for something that is another owner's in what a delete of a collection would take away. Where
 * all of it bears the owner's labels, the delete is narrowed to them.
 *
 * @returns The foreign owner's tags, or `undefined` where there is none.
 * @throws where several might be former owners, which one answer cannot tell.
 */
export async function foreignIn(call: Call, ref: ObjectRef, query: Query, read: ReadPage): Promise<Tags | undefined> {
  const { owner } = call;
  const pins = Object.entries(pinsOf(owner));
  const namesakes = new Map<string, Tags>();
  let allPinned = true;
  for await (const object of listed(ref, query, read)) {
    const tags = tagsOf(object);
    const theirs = plainTags.decode(tags);
    if (theirs !== undefined && foreign(owner, theirs) !== undefined) {
      if (!isNamesake(owner, theirs)) return tags; // a namesake may be a former owner, which the guard's options decide
      namesakes.set(`${theirs.managementCluster} ${theirs.clusterUid}`, tags);
    }
    allPinned &&= pins.every(([key, value]) => object.labels[key] === value);
  }
  if (namesakes.size > 1) throw new Error("several clusters of this name own some of it: delete them one by one");
  if (allPinned) {
    const own = pins.map(([key, value]) => `${key}=${value}`);
    narrowed.set(call, [...(query.labelSelector ? [query.labelSelector] : []), ...own].join(","));
  }
  return [...namesakes.values()][0];
}
