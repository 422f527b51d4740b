import type { Call } from "./call.ts";
import { isGuardError } from "./errors.ts";
import type { PhaseInterceptor } from "./interceptor.ts";
import type { Journal } from "./journal.ts";
import type { Phase } from "./phases.ts";
import { callFacts } from "./record.ts";
import type { Runtime } from "./runtime.ts";

/** The outermost phase: span, metrics, and the record of a refusal by anything inside that left no intent. */
export function observePhase(runtime: Runtime, journal: Journal | undefined): PhaseInterceptor {
  const { clock, telemetry } = runtime;

  function count(call: Call): void {
    for (const decision of call.decisions) {
      if (decision.verdict !== "refuse" && decision.verdict !== "would-refuse") continue;
      telemetry.refused(decision.phase as Phase, decision.code ?? "unknown", decision.verdict === "refuse");
    }
  }

  return {
    name: "observe",
    ring: "operation",
    phase: "observe",
    async intercept(call, next) {
      try {
        return await telemetry.call(call, next);
      } catch (error) {
        const refusedOutside = call.decisions.some(
          (d) => d.verdict === "refuse" && d.phase !== "break" && d.phase !== "limit",
        );
        if (isGuardError(error) && refusedOutside) {
          journal?.enqueue({
            type: "refusal",
            ...callFacts(call, clock.now()),
            code: error.code,
            decisions: call.decisions,
          });
        }
        throw error;
      } finally {
        if (call.decisions.length > 0) count(call);
      }
    },
  };
}
