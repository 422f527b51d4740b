import { GuardError } from "../../core/errors.ts";

/**
 * Makes the error of a sink that did not take an object.
 *
 * @param sink - Its name.
 * @param reason - Without a secret: it is recorded.
 * @param pauseMs - Milliseconds that the sink asks to be left alone.
 */
export function notShipped(sink: string, reason: string, pauseMs?: number, cause?: unknown): GuardError {
  return new GuardError("ERR_AUDIT_NOT_SHIPPED", `sink ${sink}: ${reason}`, {
    retryable: true,
    ...(pauseMs === undefined ? {} : { requeueAfterMs: pauseMs }),
    ...(cause === undefined ? {} : { cause }),
  });
}
