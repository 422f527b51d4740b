import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { identifier, type Principal } from "../core/owner.ts";

/** Who owned a cluster's resources before it was moved, or restored from a backup; see `clusterctl move`. */
export interface FormerOwner {
  /** UID of the former management cluster's `kube-system` namespace. The guard's own for a restore in place. */
  readonly managementCluster: string;
  /**
   * UID that the Cluster object had there.
   * @defaultValue any, unless the management cluster is the guard's own: then it must be said
   */
  readonly clusterUid?: string;
}

/** Options of the ownership phase. */
export interface OwnershipOptions {
  /** Create operations that may go out although their resources cannot be tagged. @defaultValue `[]` */
  readonly untaggable?: readonly string[];
  /** Resources whose owners are remembered. @defaultValue 10000 */
  readonly maxKnown?: number;
  /** Milliseconds after which a remembered owner is read again. @defaultValue 600000 */
  readonly knownTtlMs?: number;
  /**
   * Milliseconds during which an open intent is resumed with its own token.
   * @defaultValue 86400000
   * @see EC2 API reference, "Ensuring idempotency": tokens are remembered for at least 24 hours; read 2026-11
   */
  readonly resumeWindowMs?: number;
  /**
   * Whose resources a cluster of the same namespace and name may change, delete and take over.
   * @defaultValue `[]`
   */
  readonly formerOwners?: readonly FormerOwner[];
}

const uid = z.string().regex(identifier, "expected a UID");

const schema = z.strictObject({
  untaggable: z.array(z.string().min(1)).readonly().optional(),
  maxKnown: z.int().positive().optional(),
  knownTtlMs: z.number().positive().optional(),
  resumeWindowMs: z.number().positive().optional(),
  formerOwners: z
    .array(z.strictObject({ managementCluster: uid, clusterUid: uid.optional() }))
    .readonly()
    .optional(),
});

/**
 * Checks the options, and fills in the defaults.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function checkOwnership(options: OwnershipOptions, principal: Principal) {
  const parsed = parseOptions(schema, options, "ownership");
  const { untaggable = [], maxKnown = 10_000, knownTtlMs = 600_000, resumeWindowMs = 86_400_000 } = parsed;
  const formerOwners = (parsed.formerOwners ?? []) as readonly FormerOwner[];
  formerOwners.forEach(({ managementCluster, clusterUid }, index) => {
    if (managementCluster !== principal.managementCluster || clusterUid !== undefined) return;
    const path = `ownership.formerOwners[${index}].clusterUid`;
    const message = `${path}: expected the UID that the Cluster had before: the management cluster is the guard's own`;
    throw new GuardError("ERR_CONFIG_INVALID", message);
  });
  return { untaggable: new Set(untaggable), maxKnown, knownTtlMs, resumeWindowMs, formerOwners };
}
