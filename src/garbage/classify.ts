import { identifier } from "../core/owner.ts";
import type { OwnerTags, TagCodec } from "../core/tags.ts";
import type { GarbageItem } from "./inventory.ts";
import type { LiveOwnership } from "./owners.ts";
import type { CheckedPolicy } from "./policy.ts";

/**
 * What is known of a resource. Only `unlinked` ever becomes a candidate; `foreign` has no provenance,
 * `unknown` could not be judged.
 */
export type Standing = "linked" | "unlinked" | "unknown" | "foreign" | "protected" | "young";

/** A judgement with its reason in words. */
export interface Judgement {
  readonly standing: Standing;
  readonly reason: string;
  readonly owner?: OwnerTags;
}

/** What a resource is judged by. */
export interface Court {
  readonly codec: TagCodec;
  readonly owners: ReadonlyMap<string, LiveOwnership>;
  readonly provider: string;
  readonly policy: CheckedPolicy;
  /** Unix milliseconds: what was created later may have an owner that is not in the list yet. */
  readonly watermark: number;
}

/** When a resource was created at the latest, by the cloud or by the guard's own tag; `undefined` where nobody says. */
function bornAt({ createdAt }: GarbageItem, owner: OwnerTags): number | undefined {
  const tagged = owner.createdAt === undefined ? undefined : owner.createdAt * 1000;
  if (createdAt === undefined || tagged === undefined) return createdAt ?? tagged;
  return Math.max(createdAt, tagged);
}

function protection(item: GarbageItem, owner: OwnerTags, { protect, protectionTag }: CheckedPolicy) {
  if (item.protectedBy !== undefined) return item.protectedBy;
  if (typeof item.tags === "object" && Object.hasOwn(item.tags, protectionTag)) return `tag ${protectionTag}`;
  for (const rule of protect) {
    try {
      const said: unknown = rule.when(item, owner);
      if (said !== false) return said === true ? rule.name : `${rule.name}: neither true nor false`;
    } catch {
      return `${rule.name}: the rule failed`;
    }
  }
  return undefined;
}

const isName = (uid: string | undefined): uid is string => uid !== undefined && identifier.test(uid);

/** Whether somebody that lives owns it. What names nobody can be linked to none: nobody knows. */
function linked({ clusterUid, machineUid }: OwnerTags, live: LiveOwnership): "linked" | "unlinked" | "unknown" {
  const uid = machineUid ?? clusterUid;
  if (!isName(uid) || (clusterUid !== undefined && !isName(clusterUid))) return "unknown";
  return (machineUid === undefined ? live.clusters : live.machines).has(uid) ? "linked" : "unlinked";
}

/** Judges one resource. Whatever is doubtful is never `unlinked`. */
export function classify(item: GarbageItem, court: Court): Judgement {
  if (item.tags === "unknown") return { standing: "unknown", reason: "its tags could not be read" };
  let owner: OwnerTags | undefined;
  try {
    owner = court.codec.decode(item.tags);
  } catch {
    return { standing: "unknown", reason: "its owner tags could not be read" };
  }
  if (owner === undefined) return { standing: "foreign", reason: "no owner tags" };
  const live = court.owners.get(owner.managementCluster);
  if (live === undefined) return { standing: "foreign", reason: "another management cluster", owner };
  if (owner.provider !== court.provider) return { standing: "foreign", reason: "another provider", owner };
  const link = linked(owner, live);
  if (link === "unknown") return { standing: link, reason: "its tags name no cluster and no machine", owner };
  if (link === "linked") return { standing: link, reason: "its owner lives", owner };
  const kept = protection(item, owner, court.policy);
  if (kept !== undefined) return { standing: "protected", reason: kept, owner };
  const born = bornAt(item, owner);
  if (born === undefined) return { standing: "young", reason: "nobody says when it was created", owner };
  const watermark = Math.min(court.watermark, live.beganAt) - court.policy.minAgeMs;
  if (!(born < watermark)) return { standing: "young", reason: "created about when the pass began", owner };
  const gone = owner.machineUid === undefined ? "cluster" : "machine";
  return { standing: "unlinked", reason: `its ${gone} is gone`, owner };
}
