import type { Clock } from "../../core/clock.ts";
import type { CallKind } from "../../core/target.ts";

/** One token bucket of the cloud's. */
export interface ServerBucket {
  /** Tokens refilled per second, finite and > 0. */
  readonly ratePerSecond: number;
  /** Tokens that can be spent at once, finite and ≥ 1. */
  readonly burst: number;
}

/** The simulated cloud's own throttling: buckets per account and region. */
export interface ServerLimits {
  /** All reads together. @defaultValue 20 per second, 100 at once */
  readonly read?: ServerBucket;
  /** All creates, updates and deletes together. @defaultValue 5 per second, 20 at once */
  readonly mutating?: ServerBucket;
  /** Further buckets for single operations, on top of their class's. */
  readonly operations?: Readonly<Record<string, ServerBucket>>;
}

/** What the simulated cloud allows unless told otherwise. */
export const defaultServerLimits = {
  read: { ratePerSecond: 20, burst: 100 },
  mutating: { ratePerSecond: 5, burst: 20 },
} as const satisfies ServerLimits;

interface Level {
  tokens: number;
  at: number;
}

/** Decides which requests the cloud throttles. */
export interface Throttle {
  /** Takes a token of every bucket concerned. @returns Milliseconds to wait, or 0 if all had one. */
  take(account: string, region: string, operation: string, kind: CallKind): number;
}

/** Makes the server side of rate limiting; `false` throttles nothing. */
export function throttle(limits: ServerLimits | false, clock: Clock): Throttle {
  if (limits === false) return { take: () => 0 };
  const classes = {
    read: limits.read ?? defaultServerLimits.read,
    mutating: limits.mutating ?? defaultServerLimits.mutating,
  };
  const levels = new Map<string, Level>();

  function refilled(key: string, bucket: ServerBucket): Level {
    const now = clock.monotonic();
    const level = levels.get(key) ?? { tokens: bucket.burst, at: now };
    level.tokens = Math.min(bucket.burst, level.tokens + ((now - level.at) / 1000) * bucket.ratePerSecond);
    level.at = now;
    levels.set(key, level);
    return level;
  }

  return {
    take(account, region, operation, kind) {
      const name = kind === "read" ? "read" : "mutating";
      const asked: [string, ServerBucket][] = [[`${account}/${region}/${name}`, classes[name]]];
      const own = limits.operations?.[operation];
      if (own !== undefined) asked.push([`${account}/${region}/#${operation}`, own]);
      let waitMs = 0;
      const found = asked.map(([key, bucket]) => {
        const level = refilled(key, bucket);
        const missing = Math.max(0, 1 - level.tokens - 1e-9); // a caller that waits as told must not miss by rounding
        waitMs = Math.max(waitMs, Math.ceil((missing / bucket.ratePerSecond) * 1000));
        return level;
      });
      if (waitMs === 0) for (const level of found) level.tokens -= 1;
      return waitMs;
    },
  };
}
