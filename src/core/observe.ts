import type { Call } from "./call.ts";
import { isGuardError } from "./errors.ts";
import type { PhaseInterceptor } from "./interceptor.ts";
import type { Journal } from "./journal.ts";
import type { Phase } from "./phases.ts";
import { callFacts } from "./record.ts";
import type { Runtime } from "./runtime.ts";
import { onSettled } from "./settled.ts";
import type { Running } from "./telemetry.ts";

/** Whether a phase of the operation ring refused the call, so that nothing else tells of it. */
function leftNoIntent({ attempts, decisions }: Call): boolean {
  return attempts.length === 0 && decisions.some(({ verdict }) => verdict === "refuse");
}

/** The outermost phase: span, metrics, and the record of a refusal by anything inside that left no intent. */
export function observePhase(runtime: Runtime, journal: Journal | undefined): PhaseInterceptor {
  const { clock, telemetry } = runtime;

  function count(call: Call): void {
    for (const decision of call.decisions) {
      if (decision.verdict !== "refuse" && decision.verdict !== "would-refuse") continue;
      telemetry.refused(decision.phase as Phase, decision.code ?? "unknown", decision.verdict === "refuse");
    }
  }

  function ended(call: Call, span: Running, failed: boolean, error: unknown): void {
    span.end(failed ? (error ?? "rejected without a reason") : undefined);
    if (failed && isGuardError(error) && leftNoIntent(call)) {
      const { code } = error;
      journal?.enqueue({ type: "refusal", ...callFacts(call, clock.now()), code, decisions: call.decisions });
    }
    if (call.decisions.length > 0) count(call);
  }

  return {
    name: "observe",
    ring: "operation",
    phase: "observe",
    intercept(call, next) {
      const span = telemetry.startCall(call);
      // Whoever sees the end finds it counted.
      return onSettled(span.run(next), (failed, value) => ended(call, span, failed, value));
    },
  };
}
