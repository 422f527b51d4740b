import type { Call } from "../core/call.ts";
import { matches } from "../core/call-match.ts";
import { type GuardError, isGuardError } from "../core/errors.ts";
import type { Explanation, PhaseInterceptor } from "../core/interceptor.ts";
import { refuse } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import type { Target } from "../core/target.ts";
import type { Settlement } from "./bookings.ts";
import { bucketOf } from "./bucket.ts";
import type { BudgetLedgers } from "./budget-ledgers.ts";
import type { Budgets } from "./budgets.ts";
import { type Hold, settlementOf, unitsOf } from "./hold.ts";
import type { InventoryDocument } from "./inventory-budget.ts";
import type { QuotaBudget } from "./options.ts";
import { exceeded, figures } from "./refusals.ts";
import { noteRemoval } from "./removal.ts";

const name = "quota";

/** Which budgets a call takes units of, and which inventories it gives units back to. */
interface Uses {
  readonly taking: readonly BudgetLedgers[];
  readonly giving: readonly BudgetLedgers<InventoryDocument>[];
}

const none: Uses = { taking: [], giving: [] };

function settleAll(holds: readonly Hold[], end: Settlement): void {
  for (const hold of holds) hold.settle(end);
}

/**
 * Reserves against every budget that matches a call before its intent is written, and settles after
 * the answer: without holding that back, and again and again until the store has taken it.
 */
export function quotaPhase({ windows, inventories }: Budgets, runtime: Runtime): PhaseInterceptor {
  const { telemetry } = runtime;
  const observing = runtime.modeOf("quota") === "observe";
  const all: readonly BudgetLedgers[] = [...windows, ...inventories];
  const usesOfTarget = new WeakMap<Target, Uses>(); // a target object belongs to one operation of one client

  for (const figure of ["used", "reserved", "limit"] as const) {
    telemetry.gauge(`quota.${figure}`, `Units of a budget: ${figure}`, (observe) => {
      for (const { budget, usages } of all) {
        for (const [bucket, usage] of usages()) {
          observe({ ...usage, limit: budget.limit }[figure], { budget: budget.name, bucket });
        }
      }
    });
  }

  function usesOf(call: Call): Uses {
    let uses = usesOfTarget.get(call.target);
    if (uses === undefined) {
      const mine = <B extends BudgetLedgers>(budgets: readonly B[]) =>
        budgets.filter(({ budget }) => matches(budget, call));
      const taking = [...mine(windows), ...(call.kind === "create" ? mine(inventories) : [])];
      const giving = call.kind === "delete" ? mine(inventories) : [];
      uses = taking.length + giving.length === 0 ? none : { taking, giving };
      usesOfTarget.set(call.target, uses);
    }
    return uses;
  }

  /** A budget says no, or cannot be asked: a soft one, or one that is only observed, lets the call pass. */
  function object(call: Call, { name: budgetName, mode = "hard" }: QuotaBudget, error: GuardError): void {
    const enforced = mode === "hard" && !observing && !call.revokes;
    if (error.code === "ERR_QUOTA_EXCEEDED") telemetry.quotaExceeded(budgetName, enforced);
    if (enforced) throw refuse(call, "quota", name, error);
    const verdict = mode === "hard" && observing ? "would-refuse" : "warn";
    call.decisions.push({ phase: "quota", by: name, verdict, code: error.code, note: budgetName });
  }

  async function reserve(call: Call, { budget, ledger }: BudgetLedgers): Promise<Hold> {
    const bucket = bucketOf(budget.per ?? [], call);
    const book = ledger(bucket);
    const id = call.resumes ?? call.id;
    const units = unitsOf(budget.weight, call);
    const lenient = observing || budget.mode === "soft" || call.revokes;
    const abandoned = call.resumes === undefined ? "free" : "open";
    try {
      const answer = await book.reserve({ id, units, lenient, abandoned }, call.signal);
      if (!answer.fits) object(call, budget, exceeded(call, budget, bucket, units, answer));
    } catch (error) {
      if (!isGuardError(error) || error.code !== "ERR_STATE_UNAVAILABLE") throw error;
      object(call, budget, error);
    }
    return { settle: (end) => book.settle({ id, units }, end) };
  }

  /** All or none, in a fixed order. */
  async function holdAll(call: Call, { taking, giving }: Uses): Promise<readonly Hold[]> {
    const holds: Hold[] = [];
    try {
      for (const budget of taking) holds.push(await reserve(call, budget));
      for (const inventory of giving) holds.push(await noteRemoval(call, inventory));
      return holds;
    } catch (error) {
      settleAll(holds, settlementOf(call, true));
      throw error;
    }
  }

  async function holdAndRun(call: Call, next: () => Promise<unknown>, uses: Uses): Promise<unknown> {
    const holds = await holdAll(call, uses);
    const result = next();
    const ended = (failed: boolean) => settleAll(holds, settlementOf(call, failed));
    result.then(
      () => ended(false),
      () => ended(true),
    );
    return result;
  }

  return {
    name,
    ring: "operation",
    phase: "quota",
    intercept(call, next) {
      const uses = usesOf(call);
      return uses === none ? next() : holdAndRun(call, next, uses);
    },
    explain(call): Explanation {
      const { taking, giving } = usesOf(call);
      let verdict: Explanation["verdict"] = "pass";
      const reasons = taking.map(({ budget, usage }) => {
        const bucket = bucketOf(budget.per ?? [], call);
        const known = usage(bucket);
        const title = `budget "${budget.name}" (${bucket}, ${budget.mode ?? "hard"})`;
        if (known === undefined) return `${title}: limit ${budget.limit}, not asked yet`;
        const room = budget.limit - known.used - known.reserved;
        const units = unitsOf(budget.weight, call);
        if (room < units && budget.mode !== "soft" && !observing && !call.revokes) verdict = "refuse";
        return `${title}: ${figures(budget, known)}, takes ${units}`;
      });
      for (const { budget } of giving) reasons.push(`gives back to the budget "${budget.name}"`);
      return { verdict, reason: reasons.length === 0 ? "no budget matches" : reasons.join("; ") };
    },
    async close() {
      await Promise.all(all.map((budget) => budget.close()));
    },
  };
}
