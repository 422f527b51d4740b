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
  encode({ managementCluster, provider, cluster, machine }, createdAtMs, intent) {
    // Written out, not taken from `keys`: each create comes here, and computed names are several times slower.
    const tags: Record<string, string> = {
      "provider-guard/management-cluster": managementCluster,
      "provider-guard/provider": provider,
      "provider-guard/created-at": String(Math.floor(createdAtMs / 1000)),
      "provider-guard/intent": intent,
    };
    if (cluster !== undefined) {
      tags["provider-guard/cluster-namespace"] = cluster.namespace;
      tags["provider-guard/cluster-name"] = cluster.name;
      tags["provider-guard/cluster-uid"] = cluster.uid;
    }
    if (machine !== undefined) {
      tags["provider-guard/machine-name"] = machine.name;
      tags["provider-guard/machine-uid"] = machine.uid;
    }
    return tags;
  },
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
