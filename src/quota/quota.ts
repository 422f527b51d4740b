import type { PhaseInterceptor } from "../core/interceptor.ts";
import type { Journal } from "../core/journal.ts";
import type { Runtime } from "../core/runtime.ts";
import type { StateStore } from "../core/state-store.ts";
import type { QuotaView } from "./budget-ledgers.ts";
import { type InventoryCount, makeBudgets } from "./budgets.ts";
import type { QuotaOptions } from "./options.ts";
import { quotaPhase } from "./quota-phase.ts";

/** The quotas of one guard. */
export interface Quota {
  /** `undefined` without any budget. */
  readonly phase: PhaseInterceptor | undefined;
  quotas(options?: { readonly signal?: AbortSignal }): Promise<readonly QuotaView[]>;
  countInventory(counted: InventoryCount): Promise<QuotaView>;
}

/** @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function makeQuota(
  options: QuotaOptions | false,
  runtime: Runtime,
  state: StateStore,
  journal: Journal | undefined,
): Quota {
  const { clock, random } = runtime;
  const budgets = makeBudgets(options === false ? { budgets: [] } : options, { clock, random, state });
  const none = budgets.windows.length + budgets.inventories.length === 0;
  return {
    phase: none ? undefined : quotaPhase(budgets, runtime),
    quotas: ({ signal } = {}) => budgets.views(signal),
    async countInventory(counted) {
      const view = await budgets.count(counted);
      const { name: budget, bucket } = view;
      const details = { budget, bucket, count: counted.count }; // it moves what the budget lets pass
      journal?.enqueue({ type: "notice", at: clock.now(), event: "count inventory", details });
      return view;
    },
  };
}
