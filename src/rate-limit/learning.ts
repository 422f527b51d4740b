/** Share of the rate that is left after a throttled answer. */
export const decrease = 0.5;
/** Share of the rule's rate that success gives back per second. */
export const increasePerSecond = 0.1;
/** The rate never falls below this share of the rule's. */
export const floor = 0.02;

/** What throttled answers have taught about a bucket; times in milliseconds on whichever clock its keeper uses. */
export interface Learned {
  /** Share of the rule's rate that is in force, at most 1. */
  share: number;
  /** The cloud asked to be left alone until then. */
  pausedUntil: number;
  loweredAt: number;
  raisedAt: number;
}

/** Knows of no throttling. */
export function nothingLearned(now: number): Learned {
  return { share: 1, pausedUntil: 0, loweredAt: 0, raisedAt: now };
}

/**
 * Lowers the rate at once (multiplicative decrease), once for all requests that were under way together.
 *
 * @param admittedAt - When the throttled request got its tokens.
 * @param retryAfterMs - How long the cloud asked to be left alone.
 * @returns Whether the rate was lowered; the bucket is empty then.
 */
export function learnThrottled(learned: Learned, now: number, admittedAt: number, retryAfterMs: number): boolean {
  learned.pausedUntil = Math.max(learned.pausedUntil, now + retryAfterMs);
  if (admittedAt < learned.loweredAt) return false;
  learned.share = Math.max(floor, learned.share * decrease);
  learned.loweredAt = now;
  learned.raisedAt = now;
  return true;
}

/** Gives the rate back bit by bit while requests succeed (additive increase), and never more than the rule's. */
export function learnSucceeded(learned: Learned, now: number): void {
  if (learned.share === 1 || now <= learned.raisedAt) return;
  learned.share = Math.min(1, learned.share + ((now - learned.raisedAt) / 1000) * increasePerSecond);
  learned.raisedAt = now;
}

/** Milliseconds of success after which nothing is left of what was learned, and no pause either. */
export function forgottenAfterMs(learned: Learned, now: number): number {
  return Math.max(0, learned.pausedUntil - now, ((1 - learned.share) / increasePerSecond) * 1000);
}
