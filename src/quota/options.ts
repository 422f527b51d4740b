import * as z from "zod";
import { type CallMatch, callMatchShape } from "../core/call-match.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { type Weight, weightSchema } from "../core/weight.ts";

/** What a budget is kept apart by, in the order in which its bucket names them. */
export const dimensions = ["cluster", "account", "region", "service"] as const;

/** What a budget is kept apart by. `cluster` is the UID; calls outside any cluster share one bucket. */
export type QuotaDimension = (typeof dimensions)[number];

interface BudgetBase extends CallMatch {
  /** Unique; names the budget in the state store, in errors and in metrics. */
  readonly name: string;
  /** One bucket for each of these. @defaultValue `[]`: one for everything */
  readonly per?: readonly QuotaDimension[];
  /** Units that a bucket takes. 0 forbids. */
  readonly limit: number;
  /** `hard` refuses what exceeds the limit; `soft` lets it pass with a warning. @defaultValue `"hard"` */
  readonly mode?: "hard" | "soft";
  /** Units that a call takes. @defaultValue 1 */
  readonly weight?: Weight;
  /**
   * What becomes of a reservation that ends because its process died: `count` takes the call for made,
   * `release` for not made.
   * @defaultValue `"release"`: with an audit log, a restarted controller resumes the create and takes its units up again
   */
  readonly afterCrash?: "count" | "release";
}

/** Limits how many units are used in any window of a length, e.g. creates per cluster and hour. */
export interface WindowBudget extends BudgetBase {
  readonly inventory?: false;
  /** Milliseconds. No window of this length, wherever it begins, holds more units than the limit. */
  readonly windowMs: number;
}

/**
 * Limits how many units exist at a time, e.g. machines per cluster: creates take units, deletes give
 * them back. It matches creates and deletes alone.
 */
export interface InventoryBudget extends Omit<BudgetBase, "kinds"> {
  readonly inventory: true;
  /** Units that a delete gives back. @defaultValue the number of resources that it names, else 1 */
  readonly releaseWeight?: Weight;
  /** `counted` refuses creates until `guard.countInventory` was called. @defaultValue `"zero"` */
  readonly startsAt?: "zero" | "counted";
}

/** One budget; see {@link WindowBudget} and {@link InventoryBudget}. */
export type QuotaBudget = WindowBudget | InventoryBudget;

/** Options of the quotas. */
export interface QuotaOptions {
  /** Every budget that matches a call applies to it. */
  readonly budgets: readonly QuotaBudget[];
  /**
   * Milliseconds after which the reservation of a call ends whose process died; it is renewed while the
   * call is in flight. At most an hour. @defaultValue 600000
   */
  readonly reservationMs?: number;
}

/** The longest reservation, so that a clock that once was wrong does not hold units for ever. */
export const maxReservationMs = 3_600_000;

const { kinds, ...inventoryMatch } = callMatchShape;

const base = {
  name: z.string().min(1).max(200),
  per: z.array(z.enum(dimensions)).readonly().optional(),
  limit: z.number().min(0).max(1e12),
  mode: z.enum(["hard", "soft"]).optional(),
  weight: weightSchema.optional(),
  afterCrash: z.enum(["count", "release"]).optional(),
};

const windowSchema = z.strictObject({
  ...callMatchShape,
  ...base,
  inventory: z.literal(false).optional(),
  windowMs: z
    .int()
    .min(1)
    .max(366 * 86_400_000),
});

const inventorySchema = z.strictObject({
  ...inventoryMatch,
  ...base,
  inventory: z.literal(true),
  releaseWeight: weightSchema.optional(),
  startsAt: z.enum(["zero", "counted"]).optional(),
});

const schema = z.strictObject({
  budgets: z.array(z.looseObject({ inventory: z.boolean().optional() })).readonly(),
  reservationMs: z.number().min(1000).max(maxReservationMs).optional(),
});

/**
 * Checks the options of the quotas.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function checkQuotaOptions(options: QuotaOptions): Required<QuotaOptions> {
  const { budgets, reservationMs = 600_000 } = parseOptions(schema, options, "quota");
  const names = new Set<string>();
  for (const [index, budget] of budgets.entries()) {
    const path = `quota.budgets[${index}]`;
    const { name } = parseOptions<{ name: string }>(budget.inventory ? inventorySchema : windowSchema, budget, path);
    if (names.has(name)) throw new GuardError("ERR_CONFIG_INVALID", `${path}.name: "${name}" is taken`);
    names.add(name);
  }
  return { budgets: budgets as unknown as readonly QuotaBudget[], reservationMs };
}
