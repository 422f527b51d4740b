import * as z from "zod";
import { abortable } from "../core/abort.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { bucketName } from "./bucket.ts";
import { type BudgetLedgers, budgetLedgers, type QuotaView } from "./budget-ledgers.ts";
import type { Setting } from "./document-writer.ts";
import { type InventoryDocument, inventoryBook, recount } from "./inventory-budget.ts";
import { checkQuotaOptions, type QuotaOptions } from "./options.ts";
import { type WindowDocument, windowBook } from "./window-budget.ts";

/** What somebody counted, for `guard.countInventory`. Each dimension of the budget's `per` must be there. */
export interface InventoryCount {
  /** Name of an inventory budget. */
  readonly budget: string;
  /** The cluster's UID; `null` for what belongs to no cluster. */
  readonly cluster?: string | null;
  readonly account?: string;
  readonly region?: string;
  readonly service?: string;
  /** Units, as the budget's `weight` counts them. */
  readonly count: number;
  /** When the count began, in Unix milliseconds: creates that end later are added to it. @defaultValue now */
  readonly beganAt?: number;
  /** When it ended, in Unix milliseconds: only deletes that begin later are taken off it. @defaultValue now */
  readonly endedAt?: number;
  readonly signal?: AbortSignal;
}

/** Every budget of a guard, with its buckets. */
export interface Budgets {
  readonly windows: readonly BudgetLedgers<WindowDocument>[];
  readonly inventories: readonly BudgetLedgers<InventoryDocument>[];
  /** @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`; `signal.reason`. */
  views(signal: AbortSignal | undefined): Promise<readonly QuotaView[]>;
  /** @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`; `signal.reason`. */
  count(counted: InventoryCount): Promise<QuotaView>;
}

const part = z.string().min(1).optional();
const schema = z.strictObject({
  budget: z.string(),
  cluster: z.union([z.string().min(1), z.null()]).optional(),
  account: part,
  region: part,
  service: part,
  count: z.number().min(0).max(1e12),
  beganAt: z.number().optional(),
  endedAt: z.number().optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

const root = "countInventory";
const wrong = (path: string, what: string) => new GuardError("ERR_CONFIG_INVALID", `${root}.${path}: ${what}`);
const skewMs = 60_000;

/** @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function makeBudgets(options: QuotaOptions, setting: Omit<Setting, "reservationMs">): Budgets {
  const { budgets, reservationMs } = checkQuotaOptions(options);
  const all = { ...setting, reservationMs };
  const windows = budgets.flatMap((budget) =>
    budget.inventory ? [] : [budgetLedgers(budget, "window", windowBook(budget), all)],
  );
  const inventories = budgets.flatMap((budget) =>
    budget.inventory ? [budgetLedgers(budget, "inventory", inventoryBook(budget), all)] : [],
  );

  /** When it was counted, checked against the clock. */
  function periodOf({ beganAt, endedAt }: InventoryCount) {
    const now = setting.clock.now();
    const period = { beganAt: beganAt ?? endedAt ?? now, endedAt: endedAt ?? now };
    if (period.endedAt > now + skewMs) throw wrong("endedAt", "lies in the future");
    if (period.beganAt > period.endedAt) throw wrong("beganAt", "lies after the count's end");
    return period;
  }

  return {
    windows,
    inventories,
    async views(signal) {
      signal?.throwIfAborted();
      const found: QuotaView[] = [];
      for (const { views } of [...windows, ...inventories]) for await (const view of views(signal)) found.push(view);
      return found;
    },
    async count(value) {
      const counted = parseOptions(schema, value, root) as InventoryCount;
      counted.signal?.throwIfAborted();
      const ledgers = inventories.find(({ budget }) => budget.name === counted.budget);
      if (ledgers === undefined) throw wrong("budget", `there is no inventory budget "${counted.budget}"`);
      const { per = [] } = ledgers.budget;
      const missing = per.find((dimension) => counted[dimension] === undefined);
      if (missing !== undefined)
        throw wrong(missing, `the budget "${counted.budget}" is kept per ${per.join(" and ")}`);
      const period = periodOf(counted);
      const { cluster, account, region, service } = counted;
      const bucket = bucketName(per, { cluster: cluster ?? undefined, account, region, service });
      const { document } = ledgers.ledger(bucket);
      const storing = document.change((doc) => {
        const after = recount(doc, counted.count, period);
        return [after ?? doc, after];
      });
      const after = await abortable(storing, counted.signal);
      if (after === undefined)
        throw wrong("beganAt", "so long ago that what has changed since is not known; count again");
      return ledgers.view(bucket, after);
    },
  };
}
