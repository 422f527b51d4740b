import * as z from "zod";
import type { CircuitBreakerOptions } from "./circuit-breaker/options.ts";
import type { Clock, Random } from "./core/clock.ts";
import { parseOptions } from "./core/config.ts";
import { GuardError } from "./core/errors.ts";
import type { Interceptor } from "./core/interceptor.ts";
import type { JournalSource } from "./core/journal.ts";
import type { Principal } from "./core/owner.ts";
import { type Mode, type RefusingPhase, refusingPhases } from "./core/phases.ts";
import type { RedactorOptions } from "./core/redact.ts";
import type { StateStore } from "./core/state-store.ts";
import type { TelemetryOptions } from "./core/telemetry.ts";
import type { OwnershipOptions } from "./ownership/options.ts";
import type { QuotaOptions } from "./quota/options.ts";
import type { RateLimitOptions } from "./rate-limit/options.ts";

/** Options of `createGuard`. Every part is on by default, and turned off only by saying `false`. */
export interface GuardOptions {
  /** Who the guard works for. */
  readonly owner: Principal;
  /** Where the audit log is written, e.g. `fileJournal({ directory })`. There is no default: `false` must be said. */
  readonly audit: JournalSource | false;
  /** @defaultValue the adapters' published throttle tables */
  readonly rateLimit?: RateLimitOptions | false;
  /** @defaultValue see {@link CircuitBreakerOptions} */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** @defaultValue see {@link OwnershipOptions} */
  readonly ownership?: OwnershipOptions | false;
  /** Budgets. @defaultValue none: there is no number that suits everybody */
  readonly quota?: QuotaOptions | false;
  /** @defaultValue the globally registered OpenTelemetry providers */
  readonly telemetry?: TelemetryOptions | false;
  /** What else counts as secret in recorded input. */
  readonly redaction?: RedactorOptions;
  /**
   * `observe` lets every call through and records what would have been refused; say it for all
   * phases or for single ones.
   * @defaultValue `"enforce"`
   */
  readonly mode?: Mode | Partial<Record<RefusingPhase, Mode>>;
  /** Interceptors of your own. @defaultValue `[]` */
  readonly interceptors?: readonly Interceptor[];
  /** Where the emergency stop and what replicas share are kept. @defaultValue `memoryState()`: lost with the process */
  readonly state?: StateStore;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue cryptographically strong randomness */
  readonly random?: Random;
}

const mode = z.enum(["enforce", "observe"]);
const part = z.union([z.literal(false), z.looseObject({})]).optional(); // each part checks its own

const schema = z.strictObject({
  owner: z.unknown().optional(),
  audit: z.union([z.literal(false), z.looseObject({ open: z.function() })], {
    error: "expected a journal such as fileJournal({ directory }), or false to go without an audit log",
  }),
  rateLimit: part,
  circuitBreaker: part,
  ownership: part,
  quota: part,
  telemetry: z
    .union([
      z.literal(false),
      z.strictObject({
        tracerProvider: z.looseObject({ getTracer: z.function() }).optional(),
        meterProvider: z.looseObject({ getMeter: z.function() }).optional(),
      }),
    ])
    .optional(),
  redaction: z
    .strictObject({
      denyKeys: z.array(z.string().min(1)).optional(),
      maxDepth: z.int().positive().optional(),
      maxItems: z.int().positive().optional(),
      maxStringLength: z.int().positive().optional(),
      maxNodes: z.int().positive().optional(),
    })
    .optional(),
  mode: z.union([mode, z.partialRecord(z.enum(refusingPhases), mode)]).optional(),
  interceptors: z.array(z.unknown()).optional(),
  state: z.looseObject({ compareAndSet: z.function() }).optional(),
  clock: z.looseObject({ now: z.function(), monotonic: z.function(), setTimeout: z.function() }).optional(),
  random: z.function().optional(),
});

/**
 * Checks the outer shape of a guard's options; the parts check their own.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function checkGuardOptions(options: GuardOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new GuardError("ERR_CONFIG_INVALID", "createGuard: expected an options object with owner and audit");
  }
  parseOptions(schema, options, "");
}

/** Reads the mode of one phase. */
export function modeReader(option: GuardOptions["mode"]): (phase: RefusingPhase) => Mode {
  if (typeof option === "string" || option === undefined) return () => option ?? "enforce";
  return (phase) => option[phase] ?? "enforce";
}
