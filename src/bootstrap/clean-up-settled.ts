import type { ObjectRef } from "../core/owner.ts";
import type { BootstrapVault } from "./vault-interface.ts";

/** A Machine whose bootstrap is over, as `watchNodeRef` of `provider-guard/cluster-api` tells it. */
export interface SettledMachine {
  readonly machine: ObjectRef;
  readonly outcome: "node" | "failed" | "deleted";
  /** Whether `clusterctl move` deletes it here because it lives on elsewhere. */
  readonly moved: boolean;
}

/**
 * Makes the `onMachine` of `watchNodeRef` that cleans up after each Machine whose bootstrap is over. One that was
 * moved to another management cluster is left alone: it lives on there. What rejects is told again by the watch.
 *
 * @param vault - The vault, or what else cleans up.
 * @returns The callback.
 * @example
 * import type { StateStore } from "provider-guard";
 * import { type BootstrapVault, cleanUpSettled } from "provider-guard/bootstrap";
 * import { type ObjectSource, watchNodeRef } from "provider-guard/cluster-api";
 * declare const machines: ObjectSource;
 * declare const state: StateStore;
 * declare const vault: BootstrapVault;
 * const watch = watchNodeRef({ machines, state, onMachine: cleanUpSettled(vault) });
 */
export function cleanUpSettled(
  vault: Pick<BootstrapVault, "cleanup">,
): (settled: SettledMachine, options: { readonly signal: AbortSignal }) => Promise<void> {
  return async ({ machine, outcome, moved }, { signal }) => {
    if (!moved) await vault.cleanup(machine, { reason: outcome, signal });
  };
}
