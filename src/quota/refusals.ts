import type { Call } from "../core/call.ts";
import { GuardError } from "../core/errors.ts";
import type { Reserved } from "./bookings.ts";
import type { QuotaBudget } from "./options.ts";

const inventoryRequeueMs = 60_000; // somebody has to delete or count something first
const inFlightRequeueMs = 5_000; // room depends on calls that are under way
const shortestRequeueMs = 1_000;

function requeueAfterMs(budget: QuotaBudget, { roomInMs }: Reserved): number {
  if (budget.inventory) return inventoryRequeueMs;
  return roomInMs === undefined ? inFlightRequeueMs : Math.max(shortestRequeueMs, Math.ceil(roomInMs));
}

/** Numbers for people. */
export function figures({ limit }: QuotaBudget, { used, reserved }: { used: number; reserved: number }): string {
  const text = (units: number) => String(Number(units.toFixed(6))); // weights may be fractions
  return `${text(used)} used and ${text(reserved)} in flight of ${limit}`;
}

/** Says that a call does not fit into a budget. What can never fit is not retryable. */
export function exceeded(
  { operation }: Call,
  budget: QuotaBudget,
  bucket: string,
  units: number,
  answer: Reserved,
): GuardError {
  const what = `${operation}: the budget "${budget.name}" (${bucket})`;
  if (answer.uncounted) {
    const message = `${what} has not been counted yet; call guard.countInventory`;
    return new GuardError("ERR_QUOTA_EXCEEDED", message, { retryable: true, requeueAfterMs: inventoryRequeueMs });
  }
  if (units > budget.limit) {
    return new GuardError("ERR_QUOTA_EXCEEDED", `${what} never has room for ${units}: its limit is ${budget.limit}`);
  }
  const message = `${what} has no room for ${units}: ${figures(budget, answer)}`;
  return new GuardError("ERR_QUOTA_EXCEEDED", message, {
    retryable: true,
    requeueAfterMs: requeueAfterMs(budget, answer),
  });
}
