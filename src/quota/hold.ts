import type { Call } from "../core/call.ts";
import { resultOf } from "../core/outcome.ts";
import { type Weight, weightOf } from "../core/weight.ts";
import type { Settlement } from "./bookings.ts";

/** What a call has noted in one bucket while it is in flight. */
export interface Hold {
  /** Settles it, without waiting. */
  settle(end: Settlement): void;
}

const maxUnits = 1e12; // sums stay finite, and exact enough

/** Units that a call takes or gives back. */
export function unitsOf(weight: Weight | undefined, call: Call): number {
  return Math.min(maxUnits, weightOf(weight, call.input));
}

/** What becomes of units whose call ended like this. The request that a create resumes may have left long ago. */
export function settlementOf(call: Call, failed: boolean): Settlement {
  const result = resultOf(call, failed);
  if (result === "ok") return "used";
  return result === "unknown" || (result === "not-sent" && call.resumes !== undefined) ? "open" : "free";
}
