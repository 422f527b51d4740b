import type { Owner } from "../core/owner.ts";
import type { OwnerTags, TagCodec, Tags } from "../core/tags.ts";

const prefix = "provider-guard/";

const keys = {
  managementCluster: `${prefix}management-cluster`,
  provider: `${prefix}provider`,
  clusterNamespace: `${prefix}cluster-namespace`,
  clusterName: `${prefix}cluster-name`,
  clusterUid: `${prefix}cluster-uid`,
  machineName: `${prefix}machine-name`,
  machineUid: `${prefix}machine-uid`,
  createdAt: `${prefix}created-at`,
  intent: `${prefix}intent`,
} as const satisfies Record<keyof OwnerTags, string>;

const known = new WeakMap<Owner, Tags>(); // one object for all calls of a reconcile

/** The tags that are the same for everything an owner creates. */
function ownTags(owner: Owner): Tags {
  const found = known.get(owner);
  if (found !== undefined) return found;
  const { cluster, machine } = owner;
  // The names are written out: an object made of computed ones is slow to copy, and each create copies it.
  const tags = {
    "provider-guard/management-cluster": owner.managementCluster,
    "provider-guard/provider": owner.provider,
    ...(cluster === undefined
      ? {}
      : {
          "provider-guard/cluster-namespace": cluster.namespace,
          "provider-guard/cluster-name": cluster.name,
          "provider-guard/cluster-uid": cluster.uid,
        }),
    ...(machine === undefined
      ? {}
      : { "provider-guard/machine-name": machine.name, "provider-guard/machine-uid": machine.uid }),
  };
  known.set(owner, tags);
  return tags;
}

/**
 * Owner tags for clouds with free-form tags: nine keys under `provider-guard/`, every value
 * made of letters, digits, `.`, `_` and `-`. `created-at` is in Unix seconds.
 *
 * @example
 * import { plainTags } from "provider-guard";
 * const owner = plainTags.decode({ "provider-guard/management-cluster": "6f9c", "provider-guard/provider": "acme" });
 */
export const plainTags: TagCodec = {
  prefix,
  encode: (owner, createdAtMs, intent) => ({
    ...ownTags(owner),
    "provider-guard/created-at": String(Math.floor(createdAtMs / 1000)),
    "provider-guard/intent": intent,
  }),
  decode(tags): OwnerTags | undefined {
    const managementCluster = tags[keys.managementCluster];
    const provider = tags[keys.provider];
    if (managementCluster === undefined || provider === undefined) return undefined;
    const createdAt = Number(tags[keys.createdAt]);
    return {
      managementCluster,
      provider,
      ...optional(tags, "clusterNamespace"),
      ...optional(tags, "clusterName"),
      ...optional(tags, "clusterUid"),
      ...optional(tags, "machineName"),
      ...optional(tags, "machineUid"),
      ...optional(tags, "intent"),
      ...(Number.isSafeInteger(createdAt) && createdAt > 0 ? { createdAt } : {}),
    };
  },
};

function optional(tags: Tags, name: Exclude<keyof OwnerTags, "createdAt">): Partial<OwnerTags> {
  const value = tags[keys[name]];
  return value === undefined ? {} : { [name]: value };
}
