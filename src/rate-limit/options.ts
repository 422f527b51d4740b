import * as z from "zod";
import type { Call } from "../core/call.ts";
import { parseOptions } from "../core/config.ts";
import type { LimitRule } from "../core/limit-rule.ts";
import { checkRules } from "./rules.ts";

/** Options of the rate limit. */
export interface RateLimitOptions {
  /** Your own rules, tried before the adapter's published table; the first that matches wins. @defaultValue `[]` */
  readonly rules?: readonly LimitRule[];
  /** Calls of one cluster that may wait under one rule. @defaultValue 200 */
  readonly maxWaitingPerCluster?: number;
  /**
   * Milliseconds that a call may wait, unless its reconcile says less: one whose turn cannot come
   * in time is refused at once. @defaultValue 300000
   */
  readonly maxWaitMs?: number;
  /**
   * How soon a call gets its tokens among those of its cluster: 0 to 9, higher first; a step counts
   * as much as ten seconds of waiting. `undefined` for the default.
   * @defaultValue the reconcile's `priority`, else by what the call does: writes for a machine 6, other writes 5, reads 4, deletions 2
   */
  readonly priority?: (call: Call) => number | undefined;
  /** A cluster's share of a limit that is short, against 1 for every other. @defaultValue 1 for all */
  readonly share?: (call: Call) => number;
}

const schema = z.strictObject({
  rules: z.unknown().optional(),
  maxWaitingPerCluster: z.int().min(0).optional(),
  maxWaitMs: z.number().min(0).max(2_147_483_647).optional(),
  priority: z.function().optional(),
  share: z.function().optional(),
});

/** @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function checkRateLimitOptions(options: RateLimitOptions): Required<RateLimitOptions> {
  parseOptions<unknown>(schema, options, "rateLimit");
  const { rules = [], maxWaitingPerCluster = 200, maxWaitMs = 300_000 } = options;
  checkRules(rules, "rateLimit.rules");
  return {
    rules,
    maxWaitingPerCluster,
    maxWaitMs,
    priority: options.priority ?? (() => undefined),
    share: options.share ?? (() => 1),
  };
}

/** Clean-up behind creation, and reads behind the writes that a machine waits for. */
function byKind({ kind, owner }: Call): number {
  if (kind === "delete") return 2;
  if (kind === "read") return 4;
  return owner.machine === undefined ? 5 : 6;
}

/** A call's priority, whatever the user's function says. */
export function priorityOf(call: Call, { priority }: Required<RateLimitOptions>): number {
  const own = priority(call) ?? call.priority ?? byKind(call);
  return Number.isFinite(own) ? Math.min(9, Math.max(0, own)) : byKind(call);
}

/** A cluster's share, whatever the user's function says. */
export function shareOf(call: Call, { share }: Required<RateLimitOptions>): number {
  const own = share(call);
  return Number.isFinite(own) && own > 0 ? own : 1;
}
