import * as z from "zod";
import type { CallKind, Target } from "./target.ts";

/** Which calls a rule speaks of. What is left out matches everything; in texts `*` stands for anything. */
export interface CallMatch {
  /** @defaultValue every cloud */
  readonly cloud?: string;
  /** @defaultValue every service */
  readonly service?: string;
  /** Names of operations, e.g. `RunInstances`, `Describe*`. @defaultValue every operation */
  readonly operations?: readonly string[];
  /** @defaultValue every kind */
  readonly kinds?: readonly CallKind[];
  /** @defaultValue every type, also where the adapter knows none */
  readonly resourceTypes?: readonly string[];
  /** @defaultValue every account */
  readonly accounts?: readonly string[];
  /** @defaultValue every region */
  readonly regions?: readonly string[];
}

const texts = z.array(z.string().min(1)).min(1).readonly().optional();

/** Checks what a rule may say of the calls that it speaks of. */
export const callMatchShape = {
  cloud: z.string().min(1).optional(),
  service: z.string().min(1).optional(),
  operations: texts,
  kinds: z
    .array(z.enum(["read", "create", "update", "delete"]))
    .min(1)
    .readonly()
    .optional(),
  resourceTypes: texts,
  accounts: texts,
  regions: texts,
};

const compiled = new Map<string, RegExp>(); // patterns come from options and tables: there are few

function fits(pattern: string, text: string): boolean {
  if (!pattern.includes("*")) return pattern === text;
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    const source = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    expression = new RegExp(`^${source.join(".*")}$`);
    compiled.set(pattern, expression);
  }
  return expression.test(text);
}

const anyFits = (patterns: readonly string[] | undefined, text: string | undefined) =>
  patterns === undefined || (text !== undefined && patterns.some((pattern) => fits(pattern, text)));

/** What of a call is looked at. */
interface MatchedCall {
  readonly target: Target;
  readonly operation: string;
  readonly kind: CallKind;
  readonly resourceType: string | undefined;
}

/** Whether a rule speaks of this call. */
export function matches(match: CallMatch, call: MatchedCall): boolean {
  const { cloud, service, account, region } = call.target;
  return (
    (match.cloud === undefined || fits(match.cloud, cloud)) &&
    (match.service === undefined || fits(match.service, service)) &&
    (match.kinds === undefined || match.kinds.includes(call.kind)) &&
    anyFits(match.operations, call.operation) &&
    anyFits(match.resourceTypes, call.resourceType) &&
    anyFits(match.accounts, account) &&
    anyFits(match.regions, region)
  );
}
