import type { Adapter } from "./adapter.ts";
import type { Answer, Attempt } from "./call.ts";
import { type ErrorInfo, noteErrorInfo } from "./errors.ts";
import type { PhaseInterceptor } from "./interceptor.ts";
import type { Runtime } from "./runtime.ts";
import { onSettled } from "./settled.ts";
import type { Running } from "./telemetry.ts";

const plainOk: Answer = { class: "ok" };

/** An adapter that cannot read an answer must not turn a success into a failure. */
function readAnswer(adapter: Adapter, result: unknown): Answer {
  try {
    return adapter.answer?.(result) ?? plainOk;
  } catch {
    return plainOk;
  }
}

/** Nor may it hide the SDK's own error behind one of its own. */
function readError(adapter: Adapter, error: unknown): ErrorInfo {
  try {
    return adapter.errors(error);
  } catch {
    return { class: "unknown" };
  }
}

/**
 * The innermost phase: notes on the attempt what the wire answered, for everything outside it.
 *
 * @param outer - Interceptors that may have a last word before a request leaves.
 */
export function tracePhase(runtime: Runtime, outer: readonly Pick<PhaseInterceptor, "beforeSend">[]): PhaseInterceptor {
  const { clock, telemetry } = runtime;
  const lastWords = outer.filter((part) => typeof part?.beforeSend === "function"); // users' are not checked yet

  function answered(attempt: Attempt, span: Running, result: unknown): void {
    attempt.answer = readAnswer(attempt.call.binding.adapter, result);
    span.end();
  }

  function failed(attempt: Attempt, span: Running, error: unknown): void {
    const { signal, binding } = attempt.call;
    const info = readError(binding.adapter, error);
    attempt.answer = signal?.aborted === true && info.status === undefined ? { ...info, class: "aborted" } : info;
    noteErrorInfo(error, info);
    span.end(error ?? "rejected without a reason");
  }

  return {
    name: "trace",
    ring: "attempt",
    phase: "trace",
    intercept(attempt, next) {
      attempt.call.signal?.throwIfAborted(); // a wait that was aborted must not send
      for (const part of lastWords) part.beforeSend?.(attempt);
      const span = telemetry.startAttempt(attempt);
      const sentAt = clock.monotonic();
      attempt.sent = true;
      return onSettled(span.run(next), (rejected, value) => {
        attempt.latencyMs = clock.monotonic() - sentAt;
        (rejected ? failed : answered)(attempt, span, value);
      });
    },
  };
}
