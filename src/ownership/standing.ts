import { identifier, type Owner } from "../core/owner.ts";
import type { OwnerTags } from "../core/tags.ts";
import type { Ownership } from "./known-owners.ts";
import type { FormerOwner } from "./options.ts";

/** Whether tags name a former owner of the cluster that a call is made for. */
export type IsFormer = (mine: Owner, theirs: Ownership | undefined) => theirs is OwnerTags;

/** Anybody may have written a tag: what could be no name is not repeated. */
const shown = (text: string | undefined) => (text !== undefined && identifier.test(text) ? text : "?");

/** Why this owner may not touch that resource, or `undefined` if it may. */
export function foreign(mine: Owner, theirs: Ownership | undefined): string | undefined {
  if (theirs === undefined || typeof theirs === "string") return undefined;
  if (theirs.managementCluster !== mine.managementCluster) {
    return `management cluster ${shown(theirs.managementCluster)}`;
  }
  if (theirs.provider !== mine.provider) return `provider ${shown(theirs.provider)}`;
  if (mine.cluster !== undefined && theirs.clusterUid !== undefined && theirs.clusterUid !== mine.cluster.uid) {
    return `cluster ${shown(theirs.clusterNamespace)}/${shown(theirs.clusterName)} (${shown(theirs.clusterUid)})`;
  }
  return undefined;
}

/** Whether tags name a cluster that looks like this one: the same provider, namespace and name. */
export function isNamesake({ provider, cluster }: Owner, theirs: Ownership | undefined): theirs is OwnerTags {
  return (
    typeof theirs === "object" &&
    cluster !== undefined &&
    theirs.provider === provider &&
    theirs.clusterNamespace === cluster.namespace &&
    theirs.clusterName === cluster.name
  );
}

/** Recognises the former owners that the options list. */
export function formerOwners(listed: readonly FormerOwner[]): IsFormer {
  return (mine, theirs): theirs is OwnerTags =>
    isNamesake(mine, theirs) &&
    listed.some(
      ({ managementCluster, clusterUid }) =>
        managementCluster === theirs.managementCluster && (clusterUid ?? theirs.clusterUid) === theirs.clusterUid,
    );
}

/** What to do about a refusal, where it may be the doing of a move. */
export function advice(mine: Owner, theirs: Ownership | undefined): string {
  if (!isNamesake(mine, theirs)) return "";
  const uid = theirs.clusterUid === undefined ? "" : `, clusterUid: "${shown(theirs.clusterUid)}"`;
  return `; if this cluster was moved or restored from there, list { managementCluster: "${shown(theirs.managementCluster)}"${uid} } in ownership.formerOwners`;
}
