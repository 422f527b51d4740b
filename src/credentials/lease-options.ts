import * as z from "zod";
import type { Clock, Random } from "../core/clock.ts";
import type { CredentialLease } from "../core/credential.ts";

/** What a source answers: the credential, and the moment from which the cloud refuses it. */
export interface FetchedCredential<T> {
  /** The secret, in the form its client wants it. */
  readonly value: T;
  /** Unix milliseconds, or a `Date`. */
  readonly expiresAt: number | Date;
}

/** What happened to a lease. Holds names and times, never a credential and never an error's message. */
export type CredentialEvent =
  | {
      readonly type: "renewed";
      readonly name: string;
      /** Unix milliseconds. */
      readonly expiresAt: number;
    }
  | {
      readonly type: "failed";
      readonly name: string;
      /** Name or code of the source's error, or the message of the guard's own. */
      readonly reason: string;
      /** The source said no for good: it is revoked or denied. */
      readonly terminal: boolean;
      /** Milliseconds until the next fetch, at the earliest. */
      readonly retryInMs: number;
      /** Unix milliseconds until which the held credential goes on serving; `undefined` if there is none. */
      readonly servingUntil: number | undefined;
    }
  | {
      /** The cloud refused the held credential; see `CredentialLease.invalidate`. */
      readonly type: "refused";
      readonly name: string;
    };

/** Options of {@link credentialLease}. */
export interface CredentialLeaseOptions<T> {
  /**
   * Gets a fresh credential from its source. Runs in the async context in which the lease was
   * made: it belongs to no reconcile. The signal aborts at `fetchTimeoutMs` and at `close()`.
   */
  fetch(signal: AbortSignal): Promise<FetchedCredential<T>>;
  /** Names the lease in errors and events. @defaultValue `"credential"` */
  readonly name?: string;
  /** Milliseconds after which a fetch counts as failed. @defaultValue 30_000 */
  readonly fetchTimeoutMs?: number;
  /**
   * Milliseconds until the next fetch after a first failure, ± 10 %. While no valid credential is
   * held this is also the longest pause. @defaultValue 5_000
   */
  readonly minBackoffMs?: number;
  /** Longest pause in milliseconds, ± 10 %: pauses double until here while the held credential is valid. @defaultValue 300_000 */
  readonly maxBackoffMs?: number;
  /**
   * Whether the source said no for good (revoked, denied), so that soon trying again is useless.
   * @defaultValue HTTP 401 and 403, and the OAuth codes `invalid_grant`, `invalid_client`, `unauthorized_client`, `access_denied`
   */
  isTerminal?(error: unknown): boolean;
  /** Is told what happens; an error that it throws is dropped. */
  onEvent?(event: CredentialEvent): void;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue the system's randomness */
  readonly random?: Random;
}

/** A lease that tells what happens to it. */
export interface ObservableLease<T> extends CredentialLease<T> {
  /**
   * Adds a listener, as the guard does to count renewals.
   * @returns Takes it out again.
   */
  observe(listener: (event: CredentialEvent) => void): () => void;
}

// biome-ignore lint/suspicious/noExplicitAny: what a function takes cannot be seen from outside.
const callable = z.custom<(...args: any[]) => any>((value) => typeof value === "function", "expected a function");
const clock = z.custom<Clock>(
  (value) =>
    ["now", "monotonic", "setTimeout"].every(
      (method) => typeof (value as Clock | null)?.[method as keyof Clock] === "function",
    ),
  "expected a clock: { now, monotonic, setTimeout }",
);

/** What `credentialLease` accepts. */
export const leaseSchema = z
  .strictObject({
    fetch: callable,
    name: z
      .string()
      .regex(/^[\w./:@-]{1,128}$/, "expected 1 to 128 letters, digits, or any of . / : @ _ -")
      .default("credential"),
    fetchTimeoutMs: z.number().min(1).default(30_000),
    minBackoffMs: z.number().min(1).default(5_000),
    maxBackoffMs: z.number().min(1).default(300_000),
    isTerminal: callable.optional(),
    onEvent: callable.optional(),
    clock: clock.optional(),
    random: callable.optional(),
  })
  .refine((options) => options.maxBackoffMs >= options.minBackoffMs, {
    path: ["maxBackoffMs"],
    message: "must not be below minBackoffMs",
  });
