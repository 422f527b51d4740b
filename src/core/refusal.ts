import type { Call } from "./call.ts";
import type { GuardError } from "./errors.ts";
import type { RefusingPhase } from "./phases.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Notes on the call that a phase refuses it, and returns the error to throw.
 * In `observe` mode the pipeline turns the note into `would-refuse` and goes on.
 */
export function refuse(call: Call, phase: RefusingPhase, by: string, error: GuardError): GuardError {
  call.decisions.push({ phase, by, verdict: "refuse", code: error.code });
  return error;
}

/**
 * Refuses a request that is about to leave, after all; in `observe` mode notes, once a call, that it
 * would have been refused. The pipeline cannot do that here: its own note is made around a phase.
 *
 * @throws The error, in `enforce` mode.
 */
export function refuseAtWire(
  { modeOf }: Pick<Runtime, "modeOf">,
  call: Call,
  phase: RefusingPhase,
  by: string,
  error: GuardError,
): void {
  if (modeOf(phase) === "enforce") throw refuse(call, phase, by, error);
  if (call.decisions.some((decision) => decision.phase === phase && decision.verdict === "would-refuse")) return;
  call.decisions.push({ phase, by, verdict: "would-refuse", code: error.code });
}
