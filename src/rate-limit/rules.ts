import * as z from "zod";
import type { Call } from "../core/call.ts";
import { callMatchShape, matches } from "../core/call-match.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { bucketsOf, type LimitRule } from "../core/limit-rule.ts";
import { weightSchema } from "../core/weight.ts";

const bucketShape = {
  ratePerSecond: z.number().positive(),
  burst: z.number().min(1),
  weight: weightSchema.optional(),
  per: z
    .array(z.enum(["account", "region", "service", "operation", "cluster"]))
    .readonly()
    .optional(),
};

const facts = { ...callMatchShape, name: z.string().min(1), source: z.string().optional() };
const one = z.strictObject({ ...facts, ...bucketShape });
const several = z.strictObject({
  ...facts,
  buckets: z
    .array(z.strictObject({ ...bucketShape, name: z.string().min(1) }))
    .min(1)
    .readonly(),
});

/**
 * Checks a list of rules before anything uses them.
 *
 * @param root - What the list is called in the message, e.g. `rateLimit.rules`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function checkRules(rules: readonly LimitRule[], root: string): void {
  const buckets = new Map<string, string>();
  parseOptions(z.array(z.unknown()).readonly(), rules, root);
  for (const [index, rule] of rules.entries()) {
    const path = `${root}[${index}]`;
    parseOptions<unknown>(typeof rule === "object" && rule !== null && "buckets" in rule ? several : one, rule, path);
    for (const { name, ratePerSecond, burst, weight, per } of bucketsOf(rule)) {
      if (typeof weight === "number" && weight > burst) {
        throw new GuardError(
          "ERR_CONFIG_INVALID",
          `${path}: bucket "${name}" never holds the ${weight} tokens of a call`,
        );
      }
      const figures = JSON.stringify([ratePerSecond, burst, per]);
      if ((buckets.get(name) ?? figures) !== figures) {
        throw new GuardError("ERR_CONFIG_INVALID", `${path}: bucket "${name}" has other figures than before`);
      }
      buckets.set(name, figures);
    }
  }
}

/**
 * What a call meets when neither the user nor the adapter has a rule for it. Client-go's default
 * is 5 requests per second; clouds that publish nothing get no more than four times that for reads.
 */
const fallbackRules: readonly LimitRule[] = [
  { name: "default-read", kinds: ["read"], ratePerSecond: 20, burst: 100 },
  { name: "default-mutating", ratePerSecond: 5, burst: 20 },
];

/** The first rule that matches: the user's, then the adapter's, then the fallback. */
export function ruleFor(call: Call, users: readonly LimitRule[]): LimitRule {
  const published = call.binding.adapter.limits ?? [];
  const rule = [...users, ...published, ...fallbackRules].find((candidate) => matches(candidate, call));
  return rule as LimitRule; // the last fallback matches everything
}
