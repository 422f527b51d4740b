import type { Call, Target } from "../core/call.ts";
import { matches } from "../core/call-match.ts";
import { type GuardError, isGuardError } from "../core/errors.ts";
import type { Explanation, PhaseInterceptor } from "../core/interceptor.ts";
import { resultOf } from "../core/outcome.ts";
import { refuse } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import { safely } from "../core/safely.ts";
import { weightOf } from "../core/weight.ts";
import type { Settlement } from "./bookings.ts";
import { bucketOf } from "./bucket.ts";
import type { BudgetLedgers } from "./budget-ledgers.ts";
import type { Budgets } from "./budgets.ts";
import { type InventoryDocument, remove } from "./inventory-budget.ts";
import type { InventoryBudget, QuotaBudget } from "./options.ts";
import { exceeded, figures } from "./refusals.ts";

const name = "quota";
const maxUnits = 1e12; // sums stay exact enough, and finite

/** Which budgets a call takes units of, and which inventories it gives units back to. */
interface Uses {
  readonly taking: readonly BudgetLedgers[];
  readonly giving: readonly BudgetLedgers<InventoryDocument>[];
}

/** Units that a call holds. */
interface Hold {
  settle(end: Settlement): void;
}

const unitsOf = (weight: QuotaBudget["weight"], call: Call) => Math.min(maxUnits, weightOf(weight, call.input));

/** What becomes of units whose call ended like this. The request that a create resumes may have left long ago. */
function settlementOf(call: Call, failed: boolean): Settlement {
  const result = resultOf(call, failed);
  if (result === "ok") return "used";
  return result === "unknown" || (result === "not-sent" && call.resumes !== undefined) ? "open" : "free";
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
      uses = {
        taking: [...mine(windows), ...(call.kind === "create" ? mine(inventories) : [])],
        giving: call.kind === "delete" ? mine(inventories) : [],
      };
      usesOfTarget.set(call.target, uses);
    }
    return uses;
  }

  /** A budget says no, or cannot be asked: a soft one, or one that is only observed, lets the call pass. */
  function object(call: Call, { name: budgetName, mode = "hard" }: QuotaBudget, error: GuardError): void {
    const enforced = mode === "hard" && !observing;
    if (error.code === "ERR_QUOTA_EXCEEDED") telemetry.quotaExceeded(budgetName, enforced);
    if (enforced) throw refuse(call, "quota", name, error);
    const verdict = mode === "hard" ? "would-refuse" : "warn";
    call.decisions.push({ phase: "quota", by: name, verdict, code: error.code, note: budgetName });
  }

  async function reserve(call: Call, { budget, ledger }: BudgetLedgers): Promise<Hold> {
    const bucket = bucketOf(budget.per ?? [], call);
    const book = ledger(bucket);
    const id = call.resumes ?? call.id;
    const units = unitsOf(budget.weight, call);
    const lenient = observing || budget.mode === "soft";
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

  /** All or none, in the order of the options. */
  async function reserveAll(call: Call, budgets: readonly BudgetLedgers[]): Promise<readonly Hold[]> {
    const holds: Hold[] = [];
    try {
      for (const budget of budgets) holds.push(await reserve(call, budget));
      call.signal?.throwIfAborted();
      return holds;
    } catch (error) {
      for (const hold of holds) hold.settle(settlementOf(call, true));
      throw error;
    }
  }

  function giveBack(call: Call, { budget, ledger }: BudgetLedgers<InventoryDocument>): void {
    const { per = [], releaseWeight } = budget as InventoryBudget;
    const resources = safely((made: Call) => made.binding.adapter.tags?.targets?.(made) ?? [], [])(call);
    const units = releaseWeight === undefined ? Math.max(1, resources.length) : unitsOf(releaseWeight, call);
    const { id, startedAt: at } = call;
    ledger(bucketOf(per, call)).document.enqueue((doc) => remove(doc, { id, units, resources, at }));
  }

  function run(call: Call, next: () => Promise<unknown>, holds: readonly Hold[], { giving }: Uses): Promise<unknown> {
    const result = next();
    const ended = (failed: boolean) => {
      const end = settlementOf(call, failed);
      for (const hold of holds) hold.settle(end);
      if (end === "used") for (const inventory of giving) giveBack(call, inventory);
    };
    result.then(
      () => ended(false),
      () => ended(true),
    );
    return result;
  }

  async function reserveAndRun(call: Call, next: () => Promise<unknown>, uses: Uses): Promise<unknown> {
    return run(call, next, await reserveAll(call, uses.taking), uses);
  }

  return {
    name,
    ring: "operation",
    phase: "quota",
    intercept(call, next) {
      const uses = usesOf(call);
      if (uses.taking.length > 0) return reserveAndRun(call, next, uses);
      return uses.giving.length > 0 ? run(call, next, [], uses) : next();
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
        if (room < units && budget.mode !== "soft" && !observing) verdict = "refuse";
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
