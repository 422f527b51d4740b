import type { FreezeScope } from "../emergency-stop/scope.ts";
import type { FreezeOptions } from "../emergency-stop/stops.ts";
import type { Finding, FindingClass } from "./findings.ts";

/** Whoever can set an emergency stop: a guard, or `emergencyStop(state)`. */
export interface Freezer {
  freeze(options: FreezeOptions): Promise<void>;
}

/** Options of {@link freezeCluster}. */
export interface FreezeClusterOptions {
  /** Which findings stop something. @defaultValue `["stolen-credential"]` */
  readonly on?: readonly FindingClass[];
}

function scopeOf({ cluster, account, cloud }: Finding): FreezeScope {
  if (cluster !== undefined) return { cluster };
  return account === undefined ? "all" : { account, cloud };
}

/**
 * Makes an `onFinding` hook that sets the emergency stop: of the cluster, if the finding knows it, else
 * of its account, else of everything. It stays until somebody ends it. What it cannot set it rejects with.
 *
 * @param freezer - The guard, or `emergencyStop(state)` where there is none.
 * @param options - See {@link FreezeClusterOptions}.
 * @returns The hook.
 * @example
 * import type { Guard } from "provider-guard";
 * import { freezeCluster } from "provider-guard/manual-operations";
 * declare const guard: Guard;
 * const onFinding = freezeCluster(guard);
 */
export function freezeCluster(
  freezer: Freezer,
  options: FreezeClusterOptions = {},
): (finding: Finding) => Promise<void> {
  const classes: readonly string[] = options.on ?? ["stolen-credential"];
  return async (finding) => {
    if (!classes.includes(finding.class)) return;
    const { service, operation, requestId = "unknown" } = finding;
    const reason = `${finding.class}: ${service} ${operation}, request ${requestId}`;
    await freezer.freeze({ reason, by: "manual-operations", scope: scopeOf(finding) });
  };
}
