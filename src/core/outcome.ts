import type { Attempt, Call } from "./call.ts";
import type { AttemptRecord, CallResult } from "./journal.ts";

/** Whether a request left and nobody can say what became of it. */
function isAmbiguous(attempt: Attempt): boolean {
  if (!attempt.sent) return false;
  const { answer } = attempt;
  if (answer === undefined) return true;
  if (answer.class === "aborted" || answer.class === "outage") return true;
  return answer.class === "unknown" && answer.status === undefined;
}

/** Answers that say for certain that nothing was made, not even by the intent that is being resumed. */
const definite = new Set(["invalid", "conflict", "not-found"]);

/**
 * Says how a call ended. One attempt without a clear answer leaves the whole call `unknown`,
 * even if a later one was refused: the first may have done the work.
 *
 * @param failed - Whether the call threw.
 */
export function resultOf(call: Call, failed: boolean): CallResult {
  const last = call.attempts.at(-1);
  if (!failed && (last === undefined || last.answer === undefined || last.answer.class === "ok")) return "ok";
  if (!call.attempts.some((attempt) => attempt.sent)) return "not-sent";
  if (call.attempts.some(isAmbiguous)) return "unknown";
  return call.resumes !== undefined && !definite.has(last?.answer?.class ?? "unknown") ? "unknown" : "failed";
}

function wireResult(attempt: Attempt): string {
  if (!attempt.sent) return "not-sent";
  const { answer } = attempt;
  return answer === undefined || (answer.status === undefined && isAmbiguous(attempt)) ? "lost" : answer.class;
}

/** The attempts of a call as the audit log lists them. */
export function attemptRecords(call: Call): AttemptRecord[] {
  return call.attempts.map((attempt) => {
    const { answer, waitedMs } = attempt;
    return {
      n: attempt.number,
      requestId: answer?.requestId,
      status: answer?.status,
      result: wireResult(attempt),
      code: answer?.code,
      ms: Math.round(attempt.latencyMs * 1000) / 1000,
      waitedMs: waitedMs > 0 ? Math.round(waitedMs) : undefined,
    };
  });
}
