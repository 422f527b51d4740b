import type { Random } from "../core/clock.ts";
import { readErrorInfo } from "../core/error-info.ts";

/** Bounds of the pauses between tries, in milliseconds. */
export interface BackoffBounds {
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
}

/**
 * How long to wait after the n-th failure in a row: twice as long each time, half of it at random, and
 * never less than the server asked for.
 */
export function backoffMs(failures: number, error: unknown, bounds: BackoffBounds, random: Random): number {
  const most = Math.min(bounds.minBackoffMs * 2 ** Math.min(failures - 1, 30), bounds.maxBackoffMs);
  return Math.max(most * (0.5 + random() / 2), readErrorInfo(error).retryAfterMs ?? 0);
}
