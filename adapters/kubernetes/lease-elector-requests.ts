import { abortable, joinSignals } from "../../src/core/abort.ts";
import type { Clock } from "../../src/core/clock.ts";
import { callOptions, statusOf } from "./api-call.ts";
import { claimed, type LeaseApi, type LeaseObject } from "./lease-elector-record.ts";

export interface LeaseRequestOptions {
  readonly leases: LeaseApi;
  readonly namespace: string;
  readonly name: string;
  readonly leaseDurationMs: number;
  /** Milliseconds after which a request is given up. */
  readonly withinMs: number;
  readonly clock: Clock;
}

/** What an elector asks of the API server; each request ends in time for another one. */
export interface LeaseRequests {
  /** @returns `undefined` where there is none. */
  read(signal?: AbortSignal): Promise<LeaseObject | undefined>;
  /** Writes a claim on the condition that the Lease is as it was seen; makes it where none was. */
  write(
    seen: LeaseObject | undefined,
    claim: { readonly holder: string; readonly acquires: boolean },
    signal?: AbortSignal,
  ): Promise<LeaseObject>;
}

export function leaseRequests(options: LeaseRequestOptions): LeaseRequests {
  const { leases, namespace, name, leaseDurationMs, withinMs, clock } = options;

  async function ask<T>(work: (options: object) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(new Error(`no answer within ${withinMs} ms`)), withinMs);
    const either = joinSignals(signal, limit.signal) as AbortSignal;
    try {
      return await abortable(work(callOptions({ signal: either })), either);
    } finally {
      timer.cancel();
    }
  }

  return {
    async read(signal) {
      try {
        return await ask((call) => leases.readNamespacedLease({ namespace, name }, call), signal);
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    write(seen, claim, signal) {
      const before = seen ?? { metadata: { namespace, name } };
      const body = claimed(before, { ...claim, durationMs: leaseDurationMs, now: clock.now() });
      return ask(
        (call) =>
          seen === undefined
            ? leases.createNamespacedLease({ namespace, body }, call)
            : leases.replaceNamespacedLease({ namespace, name, body }, call),
        signal,
      );
    },
  };
}
