import { AsyncResource } from "node:async_hooks";
import { isDeepStrictEqual } from "node:util";
import { abortable } from "../core/abort.ts";
import { systemClock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import type { Credential } from "../core/credential.ts";
import { GuardError } from "../core/errors.ts";
import { systemRandom } from "../core/id.ts";
import { isRefusal, reasonOf } from "./fetch-failure.ts";
import { fetchOnce, type PendingFetch } from "./fetch-once.ts";
import {
  type CredentialEvent,
  type CredentialLeaseOptions,
  leaseSchema,
  type ObservableLease,
} from "./lease-options.ts";
import { type Lifetime, lifetime, spread } from "./lifetime.ts";
import { atMost } from "./wait.ts";

export type { CredentialEvent, CredentialLeaseOptions, FetchedCredential, ObservableLease } from "./lease-options.ts";

interface Failure {
  readonly error: unknown;
  readonly terminal: boolean;
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly pauseMs: number;
}

/**
 * Keeps a short-lived credential fresh: renews it ahead of its end, with one fetch however many
 * ask. While the held credential is valid a source that fails is an event and not an error; it is
 * asked again after 5 s, then at doubling intervals up to 5 min. An expired credential, or one that
 * the cloud refused, is never handed out.
 *
 * Renewal starts with a use, not by a timer: a controller that does nothing needs no credential,
 * and mints none.
 *
 * @param options - The source, and see {@link CredentialLeaseOptions}.
 * @returns A lease, to be given to `guard.wrap` or used by hand. `get` rejects with `signal.reason`
 *   when its signal aborts; the fetch goes on for the others.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: an option is missing, unknown or out of its range.
 * @throws {@link GuardError} `ERR_CREDENTIAL_UNAVAILABLE` (from `get`): nothing valid is held and
 *   nothing could be fetched. Retryable, with the time until the next fetch, unless the source said
 *   no for good or the lease is closed.
 * @example
 * import { credentialLease } from "provider-guard";
 * const lease = credentialLease({
 *   name: "hetzner-token",
 *   async fetch(signal) {
 *     const answer = await fetch("https://vault.example/v1/hcloud/creds/capi", { signal });
 *     const { token, ttl } = (await answer.json()) as { token: string; ttl: number };
 *     return { value: token, expiresAt: Date.now() + ttl * 1000 };
 *   },
 * });
 * const { value } = await lease.get();
 * @see AWS SDKs and Tools reference guide, "Standardized credential providers"
 */
export function credentialLease<T>(options: CredentialLeaseOptions<T>): ObservableLease<T> {
  const settings = parseOptions(leaseSchema, options, "credentialLease");
  const { name, fetchTimeoutMs, minBackoffMs, maxBackoffMs, clock = systemClock, random = systemRandom } = settings;
  const judge = options.isTerminal?.bind(options) ?? isRefusal;
  // The first caller's reconcile must not become the owner of what the source calls.
  const outside = new AsyncResource("provider-guard.credential");
  const source = (signal: AbortSignal) => outside.runInAsyncScope(() => options.fetch(signal));

  const listeners = new Set<(event: CredentialEvent) => void>();
  if (options.onEvent !== undefined) listeners.add(options.onEvent.bind(options));

  let held: { readonly credential: Credential<T>; readonly life: Lifetime } | undefined;
  let refused: Credential<T> | undefined;
  let refusals = 0; // in a row
  let failure: Failure | undefined;
  let failures = 0; // in a row
  let fetching: PendingFetch<T> | undefined;
  let renewal: Promise<void> | undefined;
  let shortWait: Promise<void> | undefined; // for the renewal under way
  let closed = false;

  function emit(event: CredentialEvent): void {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch {
        // A listener's mistake must not cost anybody a credential.
      }
    }
  }

  function isTerminal(error: unknown): boolean {
    try {
      return judge(error) === true;
    } catch {
      return false; // a judge that cannot cope must not leave everybody waiting
    }
  }

  const valid = (): boolean => held !== undefined && held.life.leftMs() > 0;

  /** Milliseconds until the source may be asked again. */
  function pauseLeftMs(): number {
    if (failure === undefined) return 0;
    // Without a credential everything stands still: then no pause is longer than the first.
    const pauseMs = valid() ? failure.pauseMs : Math.min(failure.pauseMs, minBackoffMs);
    return Math.max(0, failure.at + pauseMs - clock.monotonic());
  }

  const backoffMs = (inRow: number): number =>
    spread(Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(inRow - 1, 30)), random);

  function unusable(why: string): GuardError {
    return new GuardError("ERR_CREDENTIAL_UNAVAILABLE", `the source returned ${why}`, { retryable: true });
  }

  function adopt(value: T, expiresAt: number): void {
    if (refused !== undefined && isDeepStrictEqual(value, refused.value)) {
      throw unusable("the credential that the cloud refused");
    }
    if (expiresAt <= clock.now()) {
      throw unusable("a credential that has already expired; is this machine's clock right?");
    }
    if (valid() && held !== undefined && expiresAt <= held.credential.expiresAt) {
      throw unusable("a credential that does not outlive the held one");
    }
    if (held !== undefined) refusals = 0;
    held = { credential: Object.freeze({ value, expiresAt }), life: lifetime(expiresAt, clock, random) };
    refused = failure = undefined;
    failures = 0;
    emit({ type: "renewed", name, expiresAt });
  }

  function pause(error: unknown, terminal: boolean): void {
    failures++;
    const pauseMs = terminal ? spread(maxBackoffMs, random) : backoffMs(failures);
    failure = { error, terminal, at: clock.monotonic(), pauseMs };
  }

  function fail(error: unknown, terminal: boolean): void {
    pause(error, terminal);
    const servingUntil = valid() ? held?.credential.expiresAt : undefined;
    emit({
      type: "failed",
      name,
      reason: reasonOf(error),
      terminal,
      retryInMs: Math.ceil(pauseLeftMs()),
      servingUntil,
    });
  }

  async function renewNow(): Promise<void> {
    let fromSource = true;
    try {
      fetching = fetchOnce(source, clock, fetchTimeoutMs);
      const { value, expiresAt } = await fetching.result;
      fromSource = false;
      if (!closed) adopt(value, expiresAt);
    } catch (error) {
      if (!closed) fail(error, fromSource && isTerminal(error));
    } finally {
      fetching = renewal = shortWait = undefined;
    }
  }

  /** The renewal under way, started if it may be; `undefined` during a pause. Never rejects. */
  function renew(): Promise<void> | undefined {
    if (renewal === undefined && pauseLeftMs() === 0) renewal = renewNow();
    return renewal;
  }

  /** Waits for the renewal, but not so long that a hanging source costs what is still valid. */
  async function waitFor(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    if (held !== undefined && valid()) {
      shortWait ??= atMost(work, held.life.leftMs() / 2, clock);
      await abortable(shortWait, signal);
    }
    if (!valid()) await abortable(work, signal);
  }

  function peek(): Credential<T> | undefined {
    if (held === undefined) return undefined;
    const leftMs = held.life.leftMs();
    if (leftMs > held.life.advisoryMs) return held.credential;
    if (leftMs <= 0) return undefined;
    const underWay = renew() !== undefined;
    return underWay && leftMs <= held.life.mandatoryMs ? undefined : held.credential;
  }

  function unavailable(): GuardError {
    if (closed) return new GuardError("ERR_CREDENTIAL_UNAVAILABLE", `${name}: the lease is closed`);
    const reason = failure === undefined ? "it expired before it could be used" : reasonOf(failure.error);
    const terminal = failure?.terminal === true;
    return new GuardError("ERR_CREDENTIAL_UNAVAILABLE", `${name}: no valid credential could be fetched (${reason})`, {
      retryable: !terminal,
      ...(terminal ? {} : { requeueAfterMs: Math.max(1, Math.ceil(pauseLeftMs())) }),
      cause: failure?.error,
    });
  }

  return {
    peek,
    async get(signal) {
      signal?.throwIfAborted();
      const ready = peek();
      if (ready !== undefined) return ready;
      const work = closed ? undefined : renew();
      if (work !== undefined) await waitFor(work, signal);
      // Time has passed: whatever is held now is looked at again before it is handed out.
      if (held !== undefined && valid()) return held.credential;
      throw unavailable();
    },
    invalidate(credential) {
      if (held?.credential !== credential) return; // an older one: its successor is not to blame
      refused = credential;
      held = undefined;
      refusals++;
      failures = 0;
      failure = undefined;
      emit({ type: "refused", name });
      // Where fresh credentials are refused too, fetching faster does not help.
      if (refusals > 1) {
        pause(new GuardError("ERR_CREDENTIAL_UNAVAILABLE", "the cloud refuses fresh credentials"), false);
      }
    },
    observe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      closed = true;
      held = refused = failure = undefined;
      fetching?.cancel(new GuardError("ERR_CREDENTIAL_UNAVAILABLE", `${name}: the lease is closed`));
    },
  };
}
