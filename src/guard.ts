import { type Circuits, sharedCircuits } from "./circuit-breaker/circuits.ts";
import { systemClock } from "./core/clock.ts";
import { scopeStore } from "./core/context.ts";
import { systemRandom } from "./core/id.ts";
import type { PhaseInterceptor } from "./core/interceptor.ts";
import type { Journal } from "./core/journal.ts";
import { memoryState } from "./core/memory-state.ts";
import { observePhase } from "./core/observe.ts";
import { checkPrincipal } from "./core/owner.ts";
import { arrange } from "./core/pipeline.ts";
import { recordPhase } from "./core/record.ts";
import { createRedactor } from "./core/redact.ts";
import type { Runtime } from "./core/runtime.ts";
import type { StateStore } from "./core/state-store.ts";
import { createTelemetry, noTelemetry } from "./core/telemetry.ts";
import { tracePhase } from "./core/trace.ts";
import { credentialPhase } from "./credentials/credential-phase.ts";
import { type FreezeSwitch, freezeSwitch } from "./emergency-stop/freeze-phase.ts";
import type { Guard } from "./guard-interface.ts";
import { checkGuardOptions, type GuardOptions, modeReader } from "./guard-options.ts";
import { ownPhase } from "./ownership/own-phase.ts";
import { makeQuota } from "./quota/quota.ts";
import { rateLimit } from "./rate-limit/rate-limit.ts";
import { runningGuard } from "./running-guard.ts";

/**
 * Makes the guard of one controller process.
 *
 * @param options - Who it works for, where the audit log goes, and what should differ from the defaults.
 * @returns A guard with its audit log open.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, `ERR_OWNER_INVALID`, naming the path, before anything is opened.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: nobody can say whether an emergency stop is in force.
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
  const journal = options.audit === false ? undefined : await options.audit.open({ clock, random, principal, telemetry });
  let parts: readonly PhaseInterceptor[] = [];
  try {
    const freeze = await freezeSwitch(state, runtime, journal);
    parts = [freeze.phase];
    const circuits = await sharedCircuits(options.circuitBreaker ?? {}, state, runtime, journal);
    parts = [freeze.phase, ...(circuits.phase === undefined ? [] : [circuits.phase])];
    const made = builtIns(options, runtime, journal, freeze, circuits, state);
    parts = made.parts;
    const rings = arrange(parts, options.interceptors ?? []);
    return runningGuard({
      runtime,
      rings,
      parts,
      journal,
      state: options.state === undefined ? state : undefined,
      freeze,
      circuits,
      limit: made.limit,
      quota: made.quota,
      scopes: scopeStore(principal),
    });
  } catch (error) {
    for (const part of parts) await part.close?.();
    telemetry.close();
    await journal?.close();
    throw error;
  }
}

function builtIns(
  options: GuardOptions,
  runtime: Runtime,
  journal: Journal | undefined,
  freeze: FreezeSwitch,
  circuits: Circuits,
  state: StateStore,
) {
  const { ownership = {} } = options;
  const quota = makeQuota(options.quota ?? false, runtime, state, journal);
  const limit = options.rateLimit === false ? undefined : rateLimit(options.rateLimit ?? {}, runtime, state.lender);
  const parts: PhaseInterceptor[] = [
    observePhase(runtime, journal),
    freeze.phase,
    ...(ownership === false ? [] : [ownPhase(ownership, runtime, journal)]),
    ...(quota.phase === undefined ? [] : [quota.phase]),
    ...(journal === undefined ? [] : [recordPhase(runtime, journal, createRedactor(options.redaction))]),
    ...(circuits.phase === undefined ? [] : [circuits.phase]),
    ...(limit === undefined ? [] : [limit]),
    credentialPhase(runtime),
  ];
  return { parts: [...parts, tracePhase(runtime, parts)], limit, quota };
}
