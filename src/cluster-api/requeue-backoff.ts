import { LRUCache } from "lru-cache";
import * as z from "zod";
import type { Random } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { systemRandom } from "../core/id.ts";
import { requeueAfter } from "../core/requeue-after.ts";

/** Options of {@link requeueBackoff}. */
export interface RequeueBackoffOptions {
  /** How long to wait after the first failure, in milliseconds. @defaultValue 1000 */
  readonly minMs?: number;
  /** How long to wait after the first failure where waiting changes nothing, in milliseconds. @defaultValue 60000 */
  readonly permanentMs?: number;
  /** How long to wait at most, unless the service asked for more, in milliseconds. @defaultValue 600000 */
  readonly maxMs?: number;
  /** Objects that are remembered; of more, those that failed longest ago begin anew. @defaultValue 10000 */
  readonly maxKeys?: number;
  /** @defaultValue the system's randomness */
  readonly random?: Random;
}

/** How long to wait after failures, object by object. */
export interface RequeueBackoff {
  /**
   * Counts a failure.
   * @param key - The object's UID.
   * @returns Milliseconds to wait before the next try.
   */
  failed(key: string, error: unknown): number;
  /** Forgets the object's failures: it was reconciled, or is gone. */
  succeeded(key: string): void;
}

const milliseconds = z.number().min(1).max(86_400_000);

const schema = z.strictObject({
  minMs: milliseconds.default(1000),
  permanentMs: milliseconds.default(60_000),
  maxMs: milliseconds.default(600_000),
  maxKeys: z.number().int().min(1).max(1_000_000).default(10_000),
  random: z.custom<Random>((value) => typeof value === "function", "expected a function").default(() => systemRandom),
});

/**
 * Says how long to wait after an object's n-th failure in a row: twice as long each time, up to
 * `maxMs`, and never less than `requeueAfter(error)`. An error that waiting does not mend (denied,
 * invalid, somebody else's) begins at a minute, so that it is never a hot loop. Up to a fifth is added
 * at random, so that objects that failed together do not return together.
 *
 * @param options - See {@link RequeueBackoffOptions}.
 * @returns The memory of failures; bounded.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { requeueBackoff } from "provider-guard/cluster-api";
 * const backoff = requeueBackoff();
 * backoff.failed("0b9e9b1c", new Error("socket hang up")); // 30000 to 36000
 */
export function requeueBackoff(options: RequeueBackoffOptions = {}): RequeueBackoff {
  const { minMs, permanentMs, maxMs, maxKeys, random } = parseOptions(schema, options, "requeueBackoff");
  const failures = new LRUCache<string, number>({ max: maxKeys });
  return {
    failed(key, error) {
      const before = failures.get(key) ?? 0;
      failures.set(key, before + 1);
      const asked = requeueAfter(error);
      const first = asked === undefined ? permanentMs : minMs;
      const waitMs = Math.max(Math.min(first * 2 ** Math.min(before, 40), maxMs), asked ?? 0);
      return Math.round(waitMs * (1 + random() / 5));
    },
    succeeded(key) {
      failures.delete(key);
    },
  };
}
