import type { Clock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { FetchedCredential } from "./lease-options.ts";

/** A fetch that is under way. */
export interface PendingFetch<T> {
  readonly result: Promise<{ readonly value: T; readonly expiresAt: number }>;
  cancel(reason: Error): void;
}

function checked<T>(fetched: FetchedCredential<T>): { value: T; expiresAt: number } {
  const { value, expiresAt } = fetched ?? {};
  const at = expiresAt instanceof Date ? expiresAt.getTime() : expiresAt;
  if (value === undefined || value === null || typeof at !== "number" || !Number.isFinite(at)) {
    throw new GuardError(
      "ERR_CREDENTIAL_UNAVAILABLE",
      "the source returned no { value, expiresAt } with expiresAt in Unix milliseconds or as a Date",
    );
  }
  return { value, expiresAt: at };
}

/**
 * Fetches, for a bounded time. A source that does not listen to its signal is left behind: what
 * it returns later is dropped.
 *
 * @param fetch - The source.
 * @param clock - What the time is measured on.
 * @param timeoutMs - Milliseconds.
 */
export function fetchOnce<T>(
  fetch: (signal: AbortSignal) => Promise<FetchedCredential<T>>,
  clock: Clock,
  timeoutMs: number,
): PendingFetch<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = clock.setTimeout(
    () => controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError")),
    timeoutMs,
  );
  const result = new Promise<{ value: T; expiresAt: number }>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    const attempt = async () => checked(await fetch(signal));
    attempt().then(resolve, reject);
  });
  return {
    result: result.finally(() => timer.cancel()),
    cancel: (reason) => controller.abort(reason),
  };
}
