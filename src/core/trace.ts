import type { Answer } from "./call.ts";
import { noteErrorInfo } from "./errors.ts";
import type { PhaseInterceptor } from "./interceptor.ts";
import type { Runtime } from "./runtime.ts";

const plainOk: Answer = { class: "ok" };

/** The innermost phase: notes on the attempt what the wire answered, for everything outside it. */
export function tracePhase(runtime: Runtime): PhaseInterceptor {
  const { clock, telemetry } = runtime;
  return {
    name: "trace",
    ring: "attempt",
    phase: "trace",
    async intercept(attempt, next) {
      const { call } = attempt;
      const { adapter } = call.binding;
      call.signal?.throwIfAborted(); // a wait that was aborted must not send
      const span = telemetry.startAttempt(attempt);
      const sentAt = clock.monotonic();
      attempt.sent = true;
      try {
        const result = await span.run(next);
        attempt.latencyMs = clock.monotonic() - sentAt;
        attempt.answer = adapter.answer?.(result) ?? plainOk;
        span.end();
        return result;
      } catch (error) {
        attempt.latencyMs = clock.monotonic() - sentAt;
        const info = adapter.errors(error);
        attempt.answer =
          call.signal?.aborted === true && info.status === undefined ? { ...info, class: "aborted" } : info;
        noteErrorInfo(error, info);
        span.end(error ?? "rejected without a reason");
        throw error;
      }
    },
  };
}
