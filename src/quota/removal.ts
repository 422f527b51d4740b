import { abortable } from "../core/abort.ts";
import type { Call } from "../core/call.ts";
import { safely } from "../core/safely.ts";
import { bucketOf } from "./bucket.ts";
import type { BudgetLedgers } from "./budget-ledgers.ts";
import { type Hold, unitsOf } from "./hold.ts";
import { beginRemoval, endRemoval, type InventoryDocument } from "./inventory-budget.ts";
import type { InventoryBudget } from "./options.ts";

const targetsOf = safely((call: Call) => call.binding.adapter.tags?.targets?.(call) ?? [], []);

/**
 * Notes in an inventory that a delete begins. No delete is refused for the sake of an inventory: where
 * the store is out of reach, it is noted when it ends.
 * @throws `signal.reason`.
 */
export async function noteRemoval(call: Call, { budget, ledger }: BudgetLedgers<InventoryDocument>): Promise<Hold> {
  const { per = [], releaseWeight } = budget as InventoryBudget;
  const { document } = ledger(bucketOf(per, call));
  const resources = targetsOf(call);
  const units = releaseWeight === undefined ? Math.max(1, resources.length) : unitsOf(releaseWeight, call);
  const removal = { id: call.id, units, resources, at: call.startedAt };
  const hold: Hold = { settle: (end) => document.enqueue((doc) => endRemoval(doc, removal, end)) };
  if (resources.length === 0) return hold;
  const noted = document.change((doc) => [beginRemoval(doc, removal), undefined]).catch(() => {});
  try {
    await abortable(noted, call.signal);
  } catch (error) {
    hold.settle("free");
    throw error;
  }
  return hold;
}
