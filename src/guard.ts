import { circuitBreaker } from "./circuit-breaker/circuit-breaker.ts";
import type { Adapter, Attachment, Binding, CallDraft } from "./core/adapter.ts";
import { createBinding } from "./core/binding.ts";
import { systemClock } from "./core/clock.ts";
import { type ScopeStore, scopeStore } from "./core/context.ts";
import type { CredentialLease } from "./core/credential.ts";
import { GuardError } from "./core/errors.ts";
import { explainPipeline, type PipelineView } from "./core/explain.ts";
import { type Freeze, type FreezeSwitch, freezeSwitch } from "./core/freeze.ts";
import { systemRandom } from "./core/id.ts";
import type { PhaseInterceptor } from "./core/interceptor.ts";
import type { Journal } from "./core/journal.ts";
import { memoryState } from "./core/memory-state.ts";
import { observePhase } from "./core/observe.ts";
import { checkPrincipal, checkSubject, type Subject } from "./core/owner.ts";
import { arrange, type Rings } from "./core/pipeline.ts";
import { recordPhase } from "./core/record.ts";
import { createRedactor } from "./core/redact.ts";
import { wrappedClients } from "./core/registry.ts";
import type { Runtime } from "./core/runtime.ts";
import type { StateStore } from "./core/state-store.ts";
import { createTelemetry, noTelemetry } from "./core/telemetry.ts";
import { tracePhase } from "./core/trace.ts";
import { credentialPhase } from "./credentials/credential-phase.ts";
import { checkGuardOptions, type GuardOptions, modeReader } from "./guard-options.ts";
import { ownPhase } from "./ownership/own-phase.ts";
import { rateLimit } from "./rate-limit/rate-limit.ts";
import { createRunner } from "./runner.ts";

/** Options of {@link Guard.wrap}. */
export interface WrapOptions {
  /** A lease that keeps this client's credential fresh; see `credentialLease`. @defaultValue the client's own credentials */
  readonly credentials?: CredentialLease;
}

/** Options of {@link Guard.reconcile}. */
export interface ReconcileOptions {
  /** Ends every wait of the calls inside. */
  readonly signal?: AbortSignal;
}

/** A call to ask {@link Guard.explain} about; it is not made. */
export interface CallQuestion extends Omit<CallDraft, "service" | "signal"> {
  /** A client that this guard wrapped. */
  readonly client: object;
  /** @defaultValue the adapter's cloud */
  readonly service?: string;
  /** @defaultValue whoever `guard.reconcile` around the question names */
  readonly owner?: Subject;
}

/** One guard per controller process: configuration, pipeline and shared state. */
export interface Guard extends AsyncDisposable {
  /**
   * Hooks the guard into a client. Wrapping it again changes nothing.
   *
   * @returns The client, of the same type: the same instance where it can be hooked, else a stand-in to use from now on.
   * @throws {@link GuardError} `ERR_ADAPTER_MISMATCH`, `ERR_GUARD_ALREADY_WRAPPED` (by another guard), `ERR_GUARD_CLOSED`.
   */
  wrap<T extends C, C extends object>(client: T, adapter: Adapter<C>, options?: WrapOptions): T;
  /** Takes the hooks out again, and returns the client as it was given. A client that is not wrapped comes back as it is. */
  unwrap<T extends object>(client: T): T;
  /**
   * Runs `fn` on behalf of a cluster (and machine): every guarded call inside belongs to them.
   *
   * @throws {@link GuardError} `ERR_OWNER_INVALID`, naming the path; whatever `fn` throws.
   */
  reconcile<R>(subject: Subject, fn: () => R | PromiseLike<R>, options?: ReconcileOptions): Promise<R>;
  /**
   * The emergency stop: mutating calls are refused from now on, reads go on.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` when it could not be kept; it is in force in this process all the same.
   */
  freeze(reason: string): Promise<void>;
  /** Ends the emergency stop. */
  thaw(): Promise<void>;
  /** Why and since when mutating calls are refused, if they are. */
  readonly frozen: Freeze | undefined;
  /** Describes the pipeline; `String(guard.explain())` is a table for people. */
  explain(): PipelineView;
  /** Says what each phase would do with a call, without making it. */
  explain(call: CallQuestion): PipelineView;
  /**
   * Takes no further calls, waits for those in flight, and lets go of files and timers.
   * @param options.signal - Stops waiting for calls that are still queued.
   */
  close(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/**
 * Makes the guard of one controller process.
 *
 * @param options - Who it works for, where the audit log goes, and what should differ from the defaults.
 * @returns A guard with its audit log open.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, `ERR_OWNER_INVALID`, naming the path, before anything is opened.
 * @throws {@link GuardError} `ERR_AUDIT_LOCKED`, `ERR_AUDIT_CORRUPT`, `ERR_AUDIT_UNAVAILABLE`, naming the journal's path.
 * @example
 * import { createGuard, fileJournal } from "provider-guard";
 * const guard = await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: fileJournal({ directory: "/var/log/acme-audit" }),
 * });
 */
export async function createGuard(options: GuardOptions): Promise<Guard> {
  checkGuardOptions(options);
  const principal = checkPrincipal(options.owner);
  const { clock = systemClock, random = systemRandom } = options;
  const telemetry =
    options.telemetry === false ? noTelemetry : createTelemetry(options.telemetry ?? {}, () => clock.monotonic());
  const runtime: Runtime = { clock, random, telemetry, modeOf: modeReader(options.mode) };
  const state = options.state ?? memoryState({ clock });
  const freeze = await freezeSwitch(state);

  const journal = options.audit === false ? undefined : await options.audit.open({ clock, random, principal });
  let parts: readonly PhaseInterceptor[] = [];
  try {
    parts = builtIns(options, runtime, journal, freeze);
    const rings = arrange(parts, options.interceptors ?? []);
    return runningGuard({
      runtime,
      rings,
      parts,
      journal,
      state: options.state === undefined ? state : undefined,
      freeze,
      scopes: scopeStore(principal),
    });
  } catch (error) {
    for (const part of parts) await part.close?.();
    await journal?.close();
    throw error;
  }
}

function builtIns(
  options: GuardOptions,
  runtime: Runtime,
  journal: Journal | undefined,
  freeze: FreezeSwitch,
): PhaseInterceptor[] {
  const { ownership = {}, circuitBreaker: breaker = {}, rateLimit: limit = {} } = options;
  return [
    observePhase(runtime, journal),
    freeze.phase,
    ...(ownership === false ? [] : [ownPhase(ownership, runtime, journal)]),
    ...(journal === undefined ? [] : [recordPhase(runtime, journal, createRedactor(options.redaction))]),
    ...(breaker === false ? [] : [circuitBreaker(breaker, runtime)]),
    ...(limit === false ? [] : [rateLimit(limit, runtime)]),
    credentialPhase(runtime),
    tracePhase(runtime),
  ];
}

interface Insides {
  readonly runtime: Runtime;
  readonly rings: Rings;
  readonly parts: readonly PhaseInterceptor[];
  readonly journal: Journal | undefined;
  /** Only where the guard made it itself. */
  readonly state: StateStore | undefined;
  readonly freeze: FreezeSwitch;
  readonly scopes: ScopeStore;
}

function runningGuard({ runtime, rings, parts, journal, state, freeze, scopes }: Insides): Guard {
  const { clock, telemetry, modeOf } = runtime;
  const runner = createRunner(rings, runtime, scopes);
  const bindings = new WeakMap<object, Binding>();
  let closing: Promise<void> | undefined;
  if (journal !== undefined) {
    telemetry.gauge("audit.dropped", "Audit records that were lost", (observe) => observe(journal.dropped, {}));
  }

  function wrap<T extends C, C extends object>(client: T, adapter: Adapter<C>, options: WrapOptions = {}): T {
    if (runner.draining) throw new GuardError("ERR_GUARD_CLOSED", "guard.wrap: the guard is closed");
    if ((typeof client !== "object" && typeof client !== "function") || client === null || !adapter.accepts(client)) {
      const message = `guard.wrap: the adapter "${adapter.name}" is for another kind of client`;
      throw new GuardError("ERR_ADAPTER_MISMATCH", message);
    }
    const known = wrappedClients.get(client);
    if (known !== undefined) {
      if (known.guard === guard) return known.attachment.client as T;
      const message = "guard.wrap: another guard has wrapped this client; unwrap it there, or share one guard";
      throw new GuardError("ERR_GUARD_ALREADY_WRAPPED", message);
    }
    const binding = createBinding(adapter as unknown as Adapter, client, options.credentials);
    const attachment = adapter.attach(client, runner.port(binding));
    const wrapped = { guard, original: client, attachment: attachment as Attachment<object> };
    bindings.set(attachment.client, binding);
    wrappedClients.set(attachment.client, wrapped);
    // A function is not hooked but stood in for, and may be everybody's, as the global fetch is.
    if (typeof client !== "function") wrappedClients.set(client, wrapped);
    return attachment.client as T;
  }

  function unwrap<T extends object>(client: T): T {
    const wrapped = wrappedClients.get(client);
    if (wrapped === undefined) return client;
    if (wrapped.guard !== guard) {
      throw new GuardError(
        "ERR_GUARD_ALREADY_WRAPPED",
        "guard.unwrap: another guard has wrapped this client; unwrap it there",
      );
    }
    wrapped.attachment.detach();
    wrappedClients.delete(wrapped.attachment.client);
    if (typeof wrapped.original !== "function") wrappedClients.delete(wrapped.original);
    return wrapped.original as T;
  }

  function explain(question?: CallQuestion): PipelineView {
    if (question === undefined) return explainPipeline(rings, modeOf);
    const binding = bindings.get(wrappedClients.get(question.client)?.attachment.client ?? question.client);
    if (binding === undefined) {
      throw new GuardError("ERR_ADAPTER_MISMATCH", "guard.explain: client: not wrapped by this guard");
    }
    const draft: CallDraft = { service: binding.adapter.cloud, ...question };
    const ask = () => explainPipeline(rings, modeOf, runner.prepare(binding, draft));
    return question.owner === undefined ? ask() : scopes.run(checkSubject(question.owner), undefined, ask);
  }

  function notice(event: string, details?: Record<string, string>): void {
    journal?.enqueue({ type: "notice", at: clock.now(), event, ...(details === undefined ? {} : { details }) });
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
    async reconcile(subject, fn, { signal } = {}) {
      const checked = checkSubject(subject);
      signal?.throwIfAborted();
      return scopes.run(checked, signal, fn);
    },
    async freeze(reason) {
      if (typeof reason !== "string" || reason.trim() === "") {
        throw new GuardError(
          "ERR_CONFIG_INVALID",
          "guard.freeze: reason: say why, for the people who will find it frozen",
        );
      }
      notice("freeze", { reason });
      await freeze.set({ reason, since: clock.now() });
    },
    async thaw() {
      notice("thaw");
      await freeze.set(undefined);
    },
    get frozen() {
      return freeze.current;
    },
    close({ signal } = {}) {
      closing ??= end(signal);
      return closing;
    },
    [Symbol.asyncDispose]: () => guard.close(),
  };
  return guard;
}
