import { type Call, isMutating } from "./call.ts";
import { isGuardError } from "./errors.ts";
import type { Explanation, PhaseInterceptor } from "./interceptor.ts";
import type { IntentRecord, Journal, OutcomeRecord } from "./journal.ts";
import { attemptRecords, resultOf } from "./outcome.ts";
import type { Redactor } from "./redact.ts";
import { refuse } from "./refusal.ts";
import type { Runtime } from "./runtime.ts";
import { safely } from "./safely.ts";
import { seenIn } from "./seen.ts";
import { onSettled } from "./settled.ts";

/** Who did what, for whom and where: the part that intents, reads and refusals share. */
export function callFacts(call: Call, at: number) {
  return {
    call: call.id,
    at,
    target: call.target,
    operation: call.operation,
    kind: call.kind,
    resourceType: call.resourceType,
    owner: call.owner,
    manual: call.manual,
  };
}

/** Bounds a record whose call touches thousands of resources. */
const mostResources = 1_000;

/** Ids without those that an adapter made up badly; nothing where there are none. */
function idsOf(found: readonly unknown[]): readonly string[] | undefined {
  const ids = found.filter((id): id is string => typeof id === "string" && id !== "");
  if (ids.length === 0) return undefined;
  return ids.length === 1 ? ids : [...new Set(ids)].slice(0, mostResources);
}

// What an adapter cannot read is not recorded; the call goes on.
const targetIds = safely((call: Call) => idsOf(call.binding.adapter.tags?.targets?.(call) ?? []), undefined);

function createdIds(call: Call, answer: unknown): readonly string[] | undefined {
  try {
    return idsOf(seenIn(call, answer).map(({ id }) => id));
  } catch {
    return undefined;
  }
}

function ending(call: Call, failed: boolean, error: unknown, now: number) {
  const last = call.attempts.at(-1)?.answer;
  const code =
    failed && isGuardError(error) ? error.code : (last?.code ?? (last?.class === "ok" ? undefined : last?.class));
  return {
    at: now,
    result: resultOf(call, failed),
    ms: now - call.startedAt,
    attempts: attemptRecords(call),
    decisions: call.decisions.length === 0 ? undefined : [...call.decisions],
    error: code,
  };
}

/**
 * The innermost phase of the operation ring: a mutating call leaves only after its intent is
 * durable, and its outcome follows. Reads are recorded after the fact, without waiting.
 */
export function recordPhase(runtime: Runtime, journal: Journal, redactor: Redactor): PhaseInterceptor {
  const { clock } = runtime;

  function intentOf(call: Call): IntentRecord {
    const policy = call.binding.adapter.redaction?.(call.operation, call.target.service);
    const { value, truncated } = redactor.redact(call.input, policy);
    return {
      type: "intent",
      ...callFacts(call, call.startedAt), // the time that a resumed create puts into its tags again
      input: value,
      truncated: truncated || undefined,
      token: call.token,
      fingerprint: call.fingerprint,
      resources: targetIds(call),
    };
  }

  function ended(call: Call, failed: boolean, value: unknown): void {
    const end = ending(call, failed, value, clock.now());
    if (isMutating(call)) {
      const resources = call.kind === "create" && !failed ? createdIds(call, value) : undefined;
      journal.enqueue({ type: "outcome", call: call.id, ...end, resources } satisfies OutcomeRecord);
    } else journal.enqueue({ type: "read", ...callFacts(call, end.at), ...end });
  }

  /** Makes the call, and records how it ended before the caller learns of it. */
  function noted(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    const result = call.signal?.aborted ? Promise.reject(call.signal.reason) : next();
    return onSettled(result, (failed, value) => ended(call, failed, value));
  }

  /** Nothing is sent before the intent is durable. */
  async function mutate(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    try {
      await journal.append(intentOf(call), call.signal);
    } catch (error) {
      throw isGuardError(error) ? refuse(call, "record", "record", error) : error;
    }
    return noted(call, next);
  }

  return {
    name: "record",
    ring: "operation",
    phase: "record",
    intercept: (call, next) => (isMutating(call) ? mutate(call, next) : noted(call, next)),
    explain(call): Explanation {
      const when = isMutating(call)
        ? "an intent is made durable first, the outcome follows"
        : "recorded after the answer";
      const by = call.manual === undefined ? "" : `; manual operation of ${call.manual.operator}`;
      return { verdict: "pass", reason: when + by };
    },
  };
}
