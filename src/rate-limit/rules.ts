import * as z from "zod";
import type { Call } from "../core/call.ts";
import type { LimitRule } from "../core/limit-rule.ts";

/** What a rule may say; checked when the guard is made. */
export const limitRuleSchema = z.strictObject({
  name: z.string().min(1),
  cloud: z.string().min(1).optional(),
  service: z.string().min(1).optional(),
  operations: z.array(z.string().min(1)).min(1).readonly().optional(),
  kinds: z
    .array(z.enum(["read", "create", "update", "delete"]))
    .min(1)
    .readonly()
    .optional(),
  ratePerSecond: z.number().positive(),
  burst: z.number().min(1),
  source: z.string().optional(),
});

/**
 * What a call meets when neither the user nor the adapter has a rule for it. Client-go's default
 * is 5 requests per second; clouds that publish nothing get no more than four times that for reads.
 */
const fallbackRules: readonly LimitRule[] = [
  { name: "default-read", kinds: ["read"], ratePerSecond: 20, burst: 100 },
  { name: "default-mutating", ratePerSecond: 5, burst: 20 },
];

function matchesOperation(pattern: string, operation: string): boolean {
  return pattern.endsWith("*") ? operation.startsWith(pattern.slice(0, -1)) : operation === pattern;
}

/** Whether a rule speaks of this call. */
function matches(rule: LimitRule, { target, operation, kind }: Pick<Call, "target" | "operation" | "kind">): boolean {
  if (rule.cloud !== undefined && rule.cloud !== target.cloud) return false;
  if (rule.service !== undefined && rule.service !== target.service) return false;
  if (rule.kinds !== undefined && !rule.kinds.includes(kind)) return false;
  return rule.operations === undefined || rule.operations.some((pattern) => matchesOperation(pattern, operation));
}

/** The first rule that matches: the user's, then the adapter's, then the fallback. */
export function ruleFor(call: Call, users: readonly LimitRule[]): LimitRule {
  const published = call.binding.adapter.limits ?? [];
  const rule = [...users, ...published, ...fallbackRules].find((candidate) => matches(candidate, call));
  return rule as LimitRule; // the last fallback matches everything
}
