import { boundedBy } from "../../../src/bootstrap/bounded.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { GuardError } from "../../../src/core/errors.ts";
import { callOptions, statusOf } from "../api-call.ts";
import { metadataOnly } from "../past.ts";
import type { SecretDeleteApi } from "./secret-api.ts";

/** What is asked of the API server about Secrets, bounded in time. */
export interface SecretCalls {
  /**
   * Makes one request.
   *
   * @param work - Is given the second argument of client-node's method.
   * @param accept - Asks for metadata alone: what lies in a Secret need not travel.
   * @throws {@link GuardError} `ERR_BOOTSTRAP_STORE_UNAVAILABLE`: no answer, or one that says nothing of the Secret.
   * @throws client-node's own error for 404, 409, 410 and other answers about what was asked; `signal.reason`.
   */
  ask<T>(
    work: (options: object) => Promise<T>,
    signal: AbortSignal | undefined,
    accept?: Parameters<typeof metadataOnly>[0],
  ): Promise<T>;
  /**
   * Deletes the very Secret that was looked at.
   *
   * @param isOurs - Whether that may be deleted.
   * @returns Whether there was one.
   */
  delete(
    core: SecretDeleteApi,
    place: { readonly namespace: string; readonly name: string },
    isOurs: (secret: Awaited<ReturnType<SecretDeleteApi["readNamespacedSecret"]>>) => boolean,
    signal: AbortSignal | undefined,
    accept?: Parameters<typeof metadataOnly>[0],
  ): Promise<boolean>;
}

const maxConflicts = 5;

/**
 * Makes what asks.
 *
 * @param called - What the asker is called in messages.
 * @param verbs - The rights that it needs on Secrets.
 */
export function secretCalls(called: string, verbs: string, timeoutMs: number): SecretCalls {
  const bounded = boundedBy(systemClock, timeoutMs);

  function meaningOf(cause: unknown): unknown {
    const status = statusOf(cause);
    const denied = status === 401 || status === 403;
    if (status !== undefined && status < 500 && status !== 429 && !denied) return cause;
    const reason = denied ? `the API server refuses (${status}): allow ${verbs} of secrets` : "cannot be reached";
    const retry = denied ? {} : { retryable: true, requeueAfterMs: 10_000 };
    return new GuardError("ERR_BOOTSTRAP_STORE_UNAVAILABLE", `${called}: ${reason}`, { ...retry, cause });
  }

  async function ask<T>(...[work, signal, accept]: [...Parameters<SecretCalls["ask"]>]): Promise<T> {
    try {
      const request = (limit: { readonly signal: AbortSignal }) =>
        work(callOptions({ ...limit, accept: accept && metadataOnly(accept) }));
      return (await bounded(called, request, signal)) as T;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw meaningOf(error);
    }
  }

  return {
    ask,
    async delete(core, place, isOurs, signal, accept) {
      for (let conflict = 0; ; conflict++) {
        try {
          const secret = await ask<Awaited<ReturnType<SecretDeleteApi["readNamespacedSecret"]>>>(
            (options) => core.readNamespacedSecret(place, options),
            signal,
            accept,
          );
          const uid = secret.metadata?.uid;
          if (uid === undefined || !isOurs(secret)) return false;
          const body = { preconditions: { uid } };
          await ask((options) => core.deleteNamespacedSecret({ ...place, body }, options), signal);
          return true;
        } catch (error) {
          if (statusOf(error) === 404) return false;
          if (statusOf(error) !== 409 || conflict >= maxConflicts) throw error; // 409: it is another one by now
        }
      }
    },
  };
}
