import type { Call } from "./call.ts";
import type { GuardError } from "./errors.ts";
import type { RefusingPhase } from "./phases.ts";

/**
 * Notes on the call that a phase refuses it, and returns the error to throw.
 * In `observe` mode the pipeline turns the note into `would-refuse` and goes on.
 */
export function refuse(call: Call, phase: RefusingPhase, by: string, error: GuardError): GuardError {
  call.decisions.push({ phase, by, verdict: "refuse", code: error.code });
  return error;
}
