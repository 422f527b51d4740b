import * as z from "zod";
import type { Clock } from "../../core/clock.ts";
import { parseOptions } from "../../core/config.ts";
import type { Fault } from "./fault.ts";
import type { Latency } from "./latency.ts";
import type { ServerTimes } from "./server.ts";
import { defaultServerLimits, type ServerLimits } from "./server-limits.ts";

/** Options of {@link simulatedCloud}. */
export interface SimulatedCloudOptions {
  /** Decides every lot that is drawn. */
  readonly seed: number | string;
  /** Usually a {@link simulatedClock}; the machine's own clock works too. */
  readonly clock: Clock;
  /** Throttling per account and region; `false` turns it off. @defaultValue see {@link ServerLimits} */
  readonly limits?: ServerLimits | false;
  /** `false`: requests take no time. @defaultValue see {@link Latency} */
  readonly latency?: Latency | false;
  /** @defaultValue none */
  readonly faults?: readonly Fault[];
  /** Milliseconds within which a new resource appears in lists and describes. @defaultValue 0 */
  readonly consistencyMs?: number;
  /** Milliseconds until a machine or load balancer is available. @defaultValue 20000 */
  readonly bootMs?: number;
  /** Milliseconds from asking for a deletion until the resource is gone. @defaultValue 5000 */
  readonly deletionMs?: number;
  /** Milliseconds for which an idempotency token is remembered. @defaultValue 86400000 */
  readonly idempotencyMs?: number;
}

const duration = z.number().nonnegative();
const bucket = z.strictObject({ ratePerSecond: z.number().positive(), burst: z.number().min(1) });

const faultSchema = z.strictObject({
  effect: z.enum([
    "unavailable",
    "internal-error",
    "reset",
    "lost",
    "silent",
    "unauthenticated",
    "denied",
    "throttled",
    "slow",
  ]),
  operations: z.array(z.string()).optional(),
  kinds: z.array(z.enum(["read", "create", "update", "delete"])).optional(),
  account: z.string().optional(),
  region: z.string().optional(),
  fromMs: duration.optional(),
  untilMs: duration.optional(),
  share: z.number().min(0).max(1).optional(),
  times: z.int().nonnegative().optional(),
  skip: z.int().nonnegative().optional(),
  delayMs: duration.optional(),
});

const isClock = (value: unknown) =>
  ["now", "monotonic", "setTimeout"].every(
    (name) => typeof (value as Record<string, unknown> | null)?.[name] === "function",
  );

const schema = z.strictObject({
  seed: z.union([z.number(), z.string()]),
  clock: z.custom<Clock>(isClock, "expected a clock"),
  limits: z
    .union([
      z.literal(false),
      z.strictObject({
        read: bucket.optional(),
        mutating: bucket.optional(),
        operations: z.record(z.string(), bucket).optional(),
      }),
    ])
    .default(defaultServerLimits),
  latency: z
    .union([
      z.literal(false),
      z.strictObject({ minMs: duration.optional(), typicalMs: duration.optional(), maxMs: duration.optional() }),
    ])
    .default({}),
  faults: z.array(faultSchema).default([]),
  consistencyMs: duration.default(0),
  bootMs: duration.default(20_000),
  deletionMs: duration.default(5_000),
  idempotencyMs: duration.default(86_400_000),
});

/** Options with every default filled in. */
export interface CheckedOptions {
  readonly seed: number | string;
  readonly clock: Clock;
  readonly limits: ServerLimits | false;
  readonly latency: Latency | false;
  readonly faults: readonly Fault[];
  readonly times: ServerTimes;
}

/** Checks options of a cloud. @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function checkOptions(options: SimulatedCloudOptions): CheckedOptions {
  const { seed, clock, limits, latency, faults, ...times } = parseOptions(schema, options, "simulatedCloud");
  return {
    seed,
    clock,
    limits: limits as ServerLimits | false,
    latency: latency as Latency | false,
    faults: faults as Fault[],
    times,
  };
}

/** Checks one fault. @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function checkFault(fault: Fault): Fault {
  return parseOptions(faultSchema, fault, "fault") as Fault;
}
