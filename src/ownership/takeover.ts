import type { Call } from "../core/call.ts";
import type { OwnerTags, Tags } from "../core/tags.ts";
import type { Ownership } from "./known-owners.ts";
import type { IsFormer } from "./standing.ts";

/** An update that writes the tags of the owner that it is made for. */
export interface Takeover {
  readonly tags: Tags;
  /** What they say. */
  readonly after: OwnerTags;
}

const equal = (one: Tags, other: Tags) =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([key, value]) => value !== "" && Object.hasOwn(other, key) && other[key] === value);

/**
 * Reads a takeover out of a call: its reserved tags are all that the codec writes for the call's own
 * owner, and nothing else. When and by which intent the resource was created is the caller's to keep.
 *
 * @returns `undefined` where it is none.
 */
export function takeoverIn(call: Call): Takeover | undefined {
  const { kind, owner } = call;
  const support = call.binding.adapter.tags;
  if (kind !== "update" || owner.cluster === undefined || support === undefined) return undefined;
  const { codec } = support;
  const given = Object.entries(support.given?.(call) ?? {});
  const tags = Object.fromEntries(given.filter(([key]) => key.startsWith(codec.prefix)));
  try {
    const after = codec.decode(tags);
    if (after === undefined) return undefined;
    const { createdAt = 0, intent = "" } = after;
    return equal(tags, codec.encode(owner, createdAt * 1000, intent)) ? { tags, after } : undefined;
  } catch {
    return undefined; // a codec of one's own wrote no values that it stumbles over
  }
}

const sameOwner = (one: OwnerTags, other: OwnerTags) =>
  one.managementCluster === other.managementCluster &&
  one.provider === other.provider &&
  one.clusterNamespace === other.clusterNamespace &&
  one.clusterName === other.clusterName &&
  one.clusterUid === other.clusterUid &&
  one.machineName === other.machineName &&
  one.machineUid === other.machineUid;

/** What stands against a takeover, else what to note of it; nothing of its repetition. */
interface Judgement {
  readonly against?: string;
  readonly note?: string;
}

/** Judges the takeover of a resource that is not foreign. */
export function judgeTakeover(
  { owner, manual }: Call,
  { after }: Takeover,
  before: Ownership | undefined,
  isFormer: IsFormer,
): Judgement {
  if (before === undefined) return { against: "does not exist" };
  if (typeof before === "string") {
    if (manual !== undefined) return { note: "taken over by hand" };
    const what = before === "unowned" ? "carries no owner tags" : "has tags that cannot be read";
    return { against: `${what}: taking it over is a person's decision, inside guard.manual` };
  }
  if (sameOwner(before, after)) return {};
  // Some clouds add tags to those that are there: a machine's would stay, beside another cluster's.
  if (before.machineName === after.machineName && isFormer(owner, before)) {
    return { note: "taken over from a former owner" };
  }
  const what = after.machineName === undefined ? "the cluster's" : "this machine's";
  return { against: `is not ${what}: a machine's is taken over in its own reconcile, all else in the cluster's` };
}
