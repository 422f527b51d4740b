import type { Clock, Random } from "../core/clock.ts";

const minute = 60_000;

/** How far a held credential is from its end, and when to see to the next one. */
export interface Lifetime {
  /** Renew in the background when no more than this is left, in milliseconds. */
  readonly advisoryMs: number;
  /** Renew before serving when no more than this is left, in milliseconds. */
  readonly mandatoryMs: number;
  /** Milliseconds left; 0 or less once it has expired. */
  leftMs(): number;
}

/** A number of milliseconds, up to a tenth more or less, so that replicas do not act in step. */
export const spread = (ms: number, random: Random): number => ms * (0.9 + 0.2 * random());

/**
 * Starts the life of a credential that was fetched just now.
 *
 * @param expiresAt - Unix milliseconds.
 * @see AWS SDKs and Tools reference guide, credential refresh: 5, 15 or 60 minutes ahead by what remains
 */
export function lifetime(expiresAt: number, clock: Clock, random: Random): Lifetime {
  const lifeMs = expiresAt - clock.now();
  const endsAt = clock.monotonic() + lifeMs;
  const aheadMs = lifeMs < 20 * minute ? 5 * minute : lifeMs < 90 * minute ? 15 * minute : 60 * minute;
  return {
    advisoryMs: spread(Math.min(aheadMs, lifeMs / 2), random),
    // A tenth of a very short life, else such a credential would never be served without a wait.
    mandatoryMs: Math.min(minute, lifeMs / 10),
    // Whichever clock is further ahead decides: a wall clock that was set back would make an
    // expired credential look valid, and the monotonic clock stands still while a machine sleeps.
    leftMs: () => Math.min(expiresAt - clock.now(), endsAt - clock.monotonic()),
  };
}
