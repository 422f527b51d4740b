import { createHash } from "node:crypto";
import type { StateStore } from "../core/state-store.ts";
import type { FreezeScope } from "../emergency-stop/scope.ts";
import type { FreezeOptions } from "../emergency-stop/stops.ts";
import type { Finding, FindingClass } from "./findings.ts";
import { recentIds } from "./recent-ids.ts";

/** Whoever can set an emergency stop: a guard, or `emergencyStop(state)`. */
export interface Freezer {
  freeze(options: FreezeOptions): Promise<void>;
}

/** Options of {@link freezeCluster}. */
export interface FreezeClusterOptions {
  /** Which findings stop something. @defaultValue `["stolen-credential"]` */
  readonly on?: readonly FindingClass[];
  /**
   * Where it is remembered for ninety days which findings have stopped something, so that one that is
   * told again never undoes what a person has ended since. @defaultValue memory: a restart forgets
   */
  readonly state?: StateStore;
}

const rememberMs = 90 * 86_400_000;

/** Whoever made the request chose parts of it. */
const plain = (text: string): string => text.replace(/\p{C}/gu, " ").slice(0, 128);

function reasonOf({ id, class: kind, service, operation, requestId = "unknown", principal }: Finding): string {
  const who = principal === undefined ? "" : ` by ${plain(principal.id)}`;
  return `${kind}: ${plain(service)} ${plain(operation)}${who}, request ${plain(requestId)} (finding ${plain(id)})`;
}

function scopeOf({ cluster, account, cloud }: Finding): FreezeScope {
  if (cluster !== undefined) return { cluster };
  return account === undefined ? "all" : { account, cloud };
}

/**
 * Makes an `onFinding` hook that sets the emergency stop: of the cluster, if the finding knows it, else
 * of its account, else of everything. It stays until somebody ends it; then only another finding sets it
 * again, never the same one. What it cannot set it rejects with.
 *
 * @param freezer - The guard, or `emergencyStop(state)` where there is none.
 * @param options - See {@link FreezeClusterOptions}.
 * @returns The hook.
 * @example
 * import type { Guard, StateStore } from "provider-guard";
 * import { freezeCluster } from "provider-guard/manual-operations";
 * declare const guard: Guard;
 * declare const state: StateStore;
 * const onFinding = freezeCluster(guard, { state });
 */
export function freezeCluster(
  freezer: Freezer,
  options: FreezeClusterOptions = {},
): (finding: Finding) => Promise<void> {
  const { on = ["stolen-credential"], state } = options;
  const classes: readonly string[] = on;
  const done = recentIds();
  return async (finding) => {
    if (!classes.includes(finding.class) || done.has(finding.id)) return;
    const key = `manual-operations/froze/${createHash("sha256").update(finding.id).digest("base64url")}`;
    const before = await state?.get(key).catch(() => undefined); // better stopped twice than never
    if (before === undefined) {
      await freezer.freeze({ reason: reasonOf(finding), by: "manual-operations", scope: scopeOf(finding) });
      await state?.put(key, "1", { ttlMs: rememberMs }).catch(() => undefined);
    }
    done.add(finding.id);
  };
}
