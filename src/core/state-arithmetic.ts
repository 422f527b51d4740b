import { GuardError } from "./errors.ts";
import type { Incremented, IncrementOptions, WriteOptions } from "./state-store.ts";

/**
 * When what is written now is gone, on the clock that `now` was read from.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a time to live that is not finite and ≥ 0.
 */
export function endOf(now: number, { ttlMs }: WriteOptions = {}): number {
  if (ttlMs === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isFinite(ttlMs) && ttlMs >= 0) return now + ttlMs;
  throw new GuardError("ERR_CONFIG_INVALID", `state: ttlMs must be finite and ≥ 0, got ${ttlMs}`);
}

/**
 * Adds to a counter within its bounds.
 *
 * @param stored - The counter's text; `undefined` counts as 0.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a text that is no number, or a step, bound or sum that is not finite.
 */
export function addTo(
  key: string,
  stored: string | undefined,
  by: number,
  options: IncrementOptions = {},
): Incremented {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options;
  const value = stored === undefined ? 0 : Number(stored.trim() || Number.NaN); // Number("") is 0
  const after = value + by;
  if (!Number.isFinite(after) || Number.isNaN(min) || Number.isNaN(max)) {
    throw new GuardError("ERR_CONFIG_INVALID", `state["${key}"]: not a counter, or a step or bound that is no number`);
  }
  return after < min || after > max ? { applied: false, value } : { applied: true, value: after };
}
