import { abortable, onAbort } from "../core/abort.ts";
import type { Clock } from "../core/clock.ts";
import type { GuardError } from "../core/errors.ts";

/**
 * Runs a step that others may let hang, with a bound in time.
 *
 * @param timeoutMs - After so many milliseconds its signal aborts, and it is not waited for any longer.
 * @param late - Makes the error for that.
 * @throws What the step throws; `signal.reason` when the outer signal aborts.
 */
export async function bounded<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  late: () => GuardError,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const either = new AbortController();
  const timer = clock.setTimeout(() => either.abort(late()), timeoutMs);
  const listenNoMore = onAbort(signal, () => either.abort(signal?.reason));
  try {
    return await abortable(step(either.signal), either.signal);
  } finally {
    timer.cancel();
    listenNoMore();
  }
}
