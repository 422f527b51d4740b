import * as z from "zod";
import type { Circuits } from "./circuit-breaker/circuits.ts";
import type { CallDraft } from "./core/adapter.ts";
import { parseOptions } from "./core/config.ts";
import type { ScopeStore } from "./core/context.ts";
import { explainPipeline, type PipelineView } from "./core/explain.ts";
import { guardParts } from "./core/guard-parts.ts";
import type { PhaseInterceptor } from "./core/interceptor.ts";
import type { Journal } from "./core/journal.ts";
import { checkManual } from "./core/manual.ts";
import { checkSubject } from "./core/owner.ts";
import type { Rings } from "./core/pipeline.ts";
import type { Runtime } from "./core/runtime.ts";
import type { StateStore } from "./core/state-store.ts";
import type { FreezeSwitch } from "./emergency-stop/freeze-phase.ts";
import type { CallQuestion, Guard, ReconcileOptions } from "./guard-interface.ts";
import type { Quota } from "./quota/quota.ts";
import type { RateLimit } from "./rate-limit/rate-limit.ts";
import { createRunner } from "./runner.ts";
import { createWrapping } from "./wrapping.ts";

const scopeSchema = z.strictObject({
  signal: z.instanceof(AbortSignal).optional(),
  priority: z.int().min(0).max(9).optional(),
  timeoutMs: z.number().positive().optional(),
});

/** What a guard is made of. */
export interface Insides {
  readonly runtime: Runtime;
  readonly rings: Rings;
  readonly parts: readonly PhaseInterceptor[];
  readonly journal: Journal | undefined;
  /** Only where the guard made it itself. */
  readonly state: StateStore | undefined;
  readonly freeze: FreezeSwitch;
  readonly circuits: Circuits;
  readonly limit: RateLimit | undefined;
  readonly quota: Quota;
  readonly scopes: ScopeStore;
}

/** Makes the guard out of its parts. */
export function runningGuard({
  runtime,
  rings,
  parts,
  journal,
  state,
  freeze,
  circuits,
  limit,
  quota,
  scopes,
}: Insides): Guard {
  const { clock, telemetry, modeOf } = runtime;
  const runner = createRunner(rings, runtime, scopes);
  const { wrap, unwrap, bindingOf } = createWrapping(
    () => guard,
    runner,
    (binding) => {
      for (const part of parts) part.wrapping?.(binding);
    },
  );
  let closing: Promise<void> | undefined;
  if (journal !== undefined) {
    telemetry.gauge("audit.dropped", "Audit records that were lost", (observe) => observe(journal.dropped, {}));
  }

  function explain(question?: CallQuestion): PipelineView {
    if (question === undefined) return explainPipeline(rings, modeOf);
    const binding = bindingOf(question.client);
    const { adapter, client } = binding;
    const draft: CallDraft = { service: adapter.cloud, ...adapter.locate?.(client), ...question };
    const ask = () => explainPipeline(rings, modeOf, runner.prepare(binding, draft));
    return question.owner === undefined ? ask() : scopes.run(checkSubject(question.owner), {}, ask);
  }

  /** What the calls inside are told; checked before anything of it runs. */
  function inside(options: ReconcileOptions, root: string) {
    const { signal, priority, timeoutMs } = parseOptions(scopeSchema, options, root);
    signal?.throwIfAborted();
    return { signal, priority, deadlineAt: timeoutMs === undefined ? undefined : clock.monotonic() + timeoutMs };
  }

  async function end(signal: AbortSignal | undefined): Promise<void> {
    const letGo = () => {
      for (const part of parts) void part.close?.();
    };
    if (signal?.aborted) letGo();
    signal?.addEventListener("abort", letGo, { once: true });
    await runner.drain();
    signal?.removeEventListener("abort", letGo);
    for (const part of parts) await part.close?.();
    await journal?.close();
    await state?.close();
    telemetry.close();
  }

  const guard: Guard = {
    wrap,
    unwrap,
    explain,
    async reconcile(subject, fn, options = {}) {
      const checked = checkSubject(subject);
      return scopes.run(checked, inside(options, "reconcile"), fn);
    },
    async manual(operation, fn, options = {}) {
      const { manual, subject } = checkManual(operation);
      return scopes.run(subject, { ...inside(options, "manual"), manual }, fn);
    },
    owner: () => scopes.current().owner,
    freeze: freeze.freeze,
    thaw: freeze.thaw,
    circuits: circuits.circuits,
    openCircuit: circuits.openCircuit,
    closeCircuit: circuits.closeCircuit,
    limits: () => limit?.limits() ?? [],
    quotas: quota.quotas,
    countInventory: quota.countInventory,
    unfinished: () => journal?.unfinished ?? [],
    get frozen() {
      return freeze.frozen;
    },
    close({ signal } = {}) {
      closing ??= end(signal);
      return closing;
    },
    [Symbol.asyncDispose]: () => guard.close(),
  };
  guardParts.set(guard, { journal });
  return guard;
}
