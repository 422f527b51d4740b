import { joinSignals } from "./core/abort.ts";
import type { Binding, CallDraft, Port } from "./core/adapter.ts";
import type { Attempt, Call } from "./core/call.ts";
import type { ScopeStore } from "./core/context.ts";
import { GuardError } from "./core/errors.ts";
import { newId } from "./core/id.ts";
import { composeRings, type Rings } from "./core/pipeline.ts";
import type { Runtime } from "./core/runtime.ts";
import { onSettled } from "./core/settled.ts";

/** Runs calls through both rings, and knows how many are on their way. */
export interface Runner {
  port(binding: Binding): Port;
  /** Makes the call that a draft describes, without running it. */
  prepare(binding: Binding, draft: CallDraft): Call;
  /** Takes no further calls; resolves once none is in flight. */
  drain(): Promise<void>;
  readonly draining: boolean;
}

/** Makes the runner of one guard. */
export function createRunner(rings: Rings, runtime: Runtime, scopes: ScopeStore): Runner {
  const { clock, random } = runtime;
  const run = composeRings(rings, runtime.modeOf);
  let inFlight = 0;
  let draining = false;
  let drained: (() => void) | undefined;

  function prepare(binding: Binding, draft: CallDraft): Call {
    const { service, operation, input, account = "default", region = "default" } = draft;
    const profile = binding.profile(service, operation, account, region);
    const scope = scopes.current();
    return {
      id: newId(clock, random),
      target: profile.target,
      operation,
      kind: profile.kind,
      resourceType: profile.resourceType,
      input,
      owner: scope.owner,
      manual: scope.manual,
      signal: joinSignals(draft.signal, scope.signal),
      priority: scope.priority,
      deadlineAt: scope.deadlineAt,
      revokes: profile.revokes ?? false,
      startedAt: clock.now(),
      token: undefined,
      resumes: undefined,
      fingerprint: undefined,
      seen: undefined,
      attempts: [],
      decisions: [],
      binding,
    };
  }

  function newAttempt(call: Call): Attempt {
    const attempt: Attempt = {
      call,
      number: call.attempts.length + 1,
      startedAt: clock.now(),
      waitedMs: 0,
      sent: false,
      again: false,
      answer: undefined,
      latencyMs: 0,
    };
    call.attempts.push(attempt);
    return attempt;
  }

  function left(): void {
    inFlight--;
    if (inFlight === 0) drained?.();
  }

  function runCall(call: Call, send: (call: Call) => Promise<unknown>): Promise<unknown> {
    inFlight++;
    return onSettled(
      run.operation(call, () => send(call)),
      left,
    );
  }

  function again(call: Call, send: (attempt: Attempt) => Promise<unknown>): Promise<unknown> {
    call.decisions.push({ phase: "credential", by: "credential", verdict: "retry" });
    const second = newAttempt(call);
    return run.attempt(second, () => send(second));
  }

  function runAttempt(call: Call, send: (attempt: Attempt) => Promise<unknown>, repeatable: boolean): Promise<unknown> {
    const first = newAttempt(call);
    const result = run.attempt(first, () => send(first));
    if (!repeatable || call.binding.credentials === undefined) return result;
    return result.then(
      (value) => (first.again ? again(call, send) : value),
      (error) => {
        if (first.again) return again(call, send);
        throw error;
      },
    );
  }

  return {
    prepare,
    port: (binding) => ({
      credentials: binding.credentials,
      call<R>(draft: CallDraft, send: (call: Call) => Promise<R>): Promise<R> {
        if (draining) {
          const message = `${draft.operation}: the guard is closed; nothing was sent`;
          return Promise.reject(new GuardError("ERR_GUARD_CLOSED", message));
        }
        return runCall(prepare(binding, draft), send) as Promise<R>;
      },
      attempt<R>(call: Call, send: (attempt: Attempt) => Promise<R>, options?: { readonly repeatable?: boolean }) {
        return runAttempt(call, send, options?.repeatable ?? true) as Promise<R>;
      },
    }),
    drain() {
      draining = true;
      if (inFlight === 0) return Promise.resolve();
      return new Promise((resolve) => {
        drained = resolve;
      });
    },
    get draining() {
      return draining;
    },
  };
}
