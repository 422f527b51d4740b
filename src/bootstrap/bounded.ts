import { abortable, joinSignals } from "../core/abort.ts";
import type { Clock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";

/** Runs one request that has so long to answer, whether it heeds its signal or not. */
export type Bounded = <T>(
  who: string,
  request: (options: { readonly signal: AbortSignal }) => Promise<T>,
  signal?: AbortSignal,
) => Promise<T>;

/**
 * Makes requests end: rejects with `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (retryable) once their time is over, and with
 * the signal's reason when that aborts.
 */
export function boundedBy(clock: Clock, timeoutMs: number): Bounded {
  return async (who, request, signal) => {
    signal?.throwIfAborted();
    const limit = new AbortController();
    const timer = clock.setTimeout(() => {
      const message = `${who}: no answer within ${timeoutMs} ms`;
      const details = { retryable: true, requeueAfterMs: 10_000 };
      limit.abort(new GuardError("ERR_BOOTSTRAP_STORE_UNAVAILABLE", message, details));
    }, timeoutMs);
    const joined = joinSignals(signal, limit.signal) as AbortSignal;
    try {
      return await abortable(
        (async () => request({ signal: joined }))(), // what throws at once rejects, too
        joined,
      );
    } finally {
      timer.cancel();
    }
  };
}
