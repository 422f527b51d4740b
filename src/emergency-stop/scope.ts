import * as z from "zod";
import type { Call } from "../core/call.ts";

/** What an emergency stop stops: everything, one cluster by its UID, or one account of a cloud (of any, if none is named). */
export type FreezeScope =
  | "all"
  | { readonly cluster: string }
  | { readonly account: string; readonly cloud?: string | undefined };

const name = z.string().min(1).max(512);

/** What a scope may look like. */
export const scopeSchema = z.union(
  [z.literal("all"), z.strictObject({ cluster: name }), z.strictObject({ account: name, cloud: name.optional() })],
  { error: 'expected "all", { cluster: uid } or { account, cloud? }' },
);

/** The one text for a scope. */
export function scopeKey(scope: FreezeScope): string {
  if (scope === "all") return '"all"';
  return JSON.stringify(
    "cluster" in scope ? { cluster: scope.cluster } : { account: scope.account, cloud: scope.cloud },
  );
}

/** The scope of a key. One that nobody can read stops everything. */
export function scopeOf(key: string): FreezeScope {
  try {
    return scopeSchema.parse(JSON.parse(key));
  } catch {
    return "all";
  }
}

/** A scope in words. */
export function scopeText(scope: FreezeScope): string {
  if (scope === "all") return "all";
  if ("cluster" in scope) return `cluster ${scope.cluster}`;
  return `account ${scope.account}${scope.cloud === undefined ? "" : ` of ${scope.cloud}`}`;
}

const unnamedAccount = "default";

/**
 * Whether a scope covers a call. A call that names no cluster, or whose client's account is not
 * known, could be about the very one: it is covered, too.
 */
export function covers(scope: FreezeScope, { owner, target }: Pick<Call, "owner" | "target">): boolean {
  if (scope === "all") return true;
  if ("cluster" in scope) return owner.cluster === undefined || owner.cluster.uid === scope.cluster;
  if (scope.cloud !== undefined && scope.cloud !== target.cloud) return false;
  return target.account === scope.account || target.account === unnamedAccount;
}
