import { type Circuits, sharedCircuits } from "./circuit-breaker/circuits.ts";
import { systemRandom } from "./core/id.ts";
import type { PhaseInterceptor } from "./core/interceptor.ts";
import type { Journal } from "./core/journal.ts";
import { memoryState } from "./core/memory-state.ts";
import { observePhase } from "./core/observe.ts";
import { arrange, type Rings } from "./core/pipeline.ts";
import { recordPhase } from "./core/record.ts";
import { createRedactor } from "./core/redact.ts";
import type { Runtime } from "./core/runtime.ts";
import type { StateStore } from "./core/state-store.ts";
import { noTelemetry } from "./core/telemetry.ts";
import { tracePhase } from "./core/trace.ts";
import { credentialPhase } from "./credentials/credential-phase.ts";
import { type FreezeSwitch, freezeSwitch } from "./emergency-stop/freeze-phase.ts";
import type { GuardOptions } from "./guard-options.ts";
import { ownPhase } from "./ownership/own-phase.ts";
import { makeQuota, type Quota } from "./quota/quota.ts";
import { type RateLimit, rateLimit } from "./rate-limit/rate-limit.ts";

/** The phases of one guard, in their rings. */
export interface Assembly {
  readonly rings: Rings;
  readonly parts: readonly PhaseInterceptor[];
  readonly freeze: FreezeSwitch;
  readonly circuits: Circuits;
  readonly limit: RateLimit | undefined;
  readonly quota: Quota;
}

/**
 * Makes all phases; each checks its own options. What was made is closed again where one fails.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`.
 */
export async function assemble(
  options: GuardOptions,
  runtime: Runtime,
  state: StateStore,
  journal: Journal | undefined,
): Promise<Assembly> {
  const made: PhaseInterceptor[] = [];
  const keep = <P extends PhaseInterceptor | undefined>(part: P): P => {
    if (part !== undefined) made.push(part);
    return part;
  };
  try {
    const { ownership = {} } = options;
    const redactor = createRedactor(options.redaction);
    const freeze = await freezeSwitch(state, runtime, journal);
    keep(freeze.phase);
    const circuits = await sharedCircuits(options.circuitBreaker ?? {}, state, runtime, journal);
    keep(circuits.phase);
    const quota = makeQuota(options.quota ?? false, runtime, state, journal);
    keep(quota.phase);
    const limit =
      options.rateLimit === false ? undefined : keep(rateLimit(options.rateLimit ?? {}, runtime, state.lender));
    const own = ownership === false ? undefined : keep(ownPhase(ownership, options.owner, runtime, journal));
    const record = journal === undefined ? undefined : keep(recordPhase(runtime, journal, redactor));
    const outer = [
      observePhase(runtime, journal),
      freeze.phase,
      own,
      quota.phase,
      record,
      circuits.phase,
      limit,
      credentialPhase(runtime),
    ].filter((part) => part !== undefined);
    const users = options.interceptors ?? [];
    const parts = [...outer, tracePhase(runtime, [...outer, ...users])];
    return { rings: arrange(parts, users), parts, freeze, circuits, limit, quota };
  } catch (error) {
    await closeParts(made);
    throw error;
  }
}

/** Lets go of what phases hold. */
async function closeParts(parts: readonly PhaseInterceptor[]): Promise<void> {
  for (const part of parts) await part.close?.();
}

const unopened: Journal = {
  append: () => Promise.resolve(),
  enqueue() {},
  unfinished: [],
  correlate: (text) => text,
  dropped: 0,
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/**
 * Makes all phases once for nothing, without the journal, the state store and telemetry: whatever is
 * wrong with their options is said before anything is opened, created or locked.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export async function rehearse(options: GuardOptions, { clock, modeOf }: Omit<Runtime, "telemetry">): Promise<void> {
  const state = memoryState({ clock });
  const runtime = { clock, random: systemRandom, telemetry: noTelemetry, modeOf };
  const { parts } = await assemble(options, runtime, state, options.audit === false ? undefined : unopened);
  await closeParts(parts);
  await state.close();
}
