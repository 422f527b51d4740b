import { GuardError } from "../core/errors.ts";
import type { Condition } from "./condition.ts";

const compared = ["status", "reason", "message", "severity", "observedGeneration"] as const;

/** To the second, as Kubernetes keeps times. */
function timestamp(now: number): string {
  if (!Number.isFinite(now)) throw new GuardError("ERR_CONFIG_INVALID", "now: expected Unix milliseconds");
  return new Date(now).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/**
 * Puts a condition into an object's list: in the place of the one of its type, or at the end. Its
 * `lastTransitionTime` stays as it was while the status stays the same.
 *
 * @param conditions - `status.conditions` as it is; never changed.
 * @param condition - The new one, e.g. of {@link conditionFrom}.
 * @param now - Unix milliseconds.
 * @returns A new list, or the very list that was given if there is nothing to write.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: `now` is not a finite number.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  condition: Condition,
  now: number,
): readonly Condition[] {
  const before = conditions ?? [];
  const at = before.findIndex(({ type }) => type === condition.type);
  const old = before[at];
  const kept = old?.status === condition.status ? old.lastTransitionTime : condition.lastTransitionTime;
  const set = { ...condition, lastTransitionTime: kept ?? timestamp(now) };
  if (old === undefined) return [...before, set];
  if (kept === old.lastTransitionTime && kept !== undefined && compared.every((field) => old[field] === set[field])) {
    return before;
  }
  return before.map((one, index) => (index === at ? set : one));
}
