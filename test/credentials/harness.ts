import type { Random } from "../../src/core/clock.ts";
import {
  type CredentialEvent,
  type CredentialLeaseOptions,
  credentialLease,
  type FetchedCredential,
} from "../../src/credentials/lease.ts";
import { type FakeClock, fakeClock, settled } from "../circuit-breaker/fake-clock.ts";

export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;

/** A source whose answers the test decides, one by one. */
export interface Source {
  readonly signals: AbortSignal[];
  /** Fetches so far. */
  readonly count: number;
  answer(value: string, lifeMs: number): Promise<void>;
  reply(fetched: unknown): Promise<void>;
  fail(error?: unknown): Promise<void>;
}

/** No jitter: a random number of one half leaves every spread time as it is. */
export function harness(options: Partial<CredentialLeaseOptions<string>> = {}, random: Random = () => 0.5) {
  const clock: FakeClock = fakeClock();
  const events: CredentialEvent[] = [];
  const signals: AbortSignal[] = [];
  let last = { resolve: (_value: FetchedCredential<string>) => {}, reject: (_error: unknown) => {} };

  const lease = credentialLease<string>({
    name: "sts",
    clock,
    random,
    onEvent: (event) => void events.push(event),
    fetch(signal) {
      signals.push(signal);
      return new Promise((resolve, reject) => {
        last = { resolve, reject };
      });
    },
    ...options,
  });

  const source: Source = {
    signals,
    get count() {
      return signals.length;
    },
    answer: (value, lifeMs) => source.reply({ value, expiresAt: clock.now() + lifeMs }),
    async reply(fetched) {
      last.resolve(fetched as FetchedCredential<string>);
      await settled();
    },
    async fail(error = Object.assign(new Error("hunter2-canary"), { name: "ServiceUnavailable" })) {
      last.reject(error);
      await settled();
    },
  };

  return {
    clock,
    events,
    lease,
    source,
    /** What `get` ended with: the value, or the error. */
    async got(signal?: AbortSignal): Promise<unknown> {
      return lease.get(signal).then(
        ({ value }) => value,
        (error: unknown) => error,
      );
    },
    /** Puts a first credential into the lease. */
    async hold(value: string, lifeMs: number): Promise<void> {
      const getting = lease.get();
      await source.answer(value, lifeMs);
      await getting;
    },
  };
}
