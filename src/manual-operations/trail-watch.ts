import { type MeterProvider, metrics } from "@opentelemetry/api";
import * as z from "zod";
import { systemClock, type Timer } from "../core/clock.ts";
import { memoryState } from "../core/memory-state.ts";
import type { StateStore } from "../core/state-store.ts";
import { findingTeller } from "./finding-teller.ts";
import type { TrailReport } from "./findings.ts";
import { type ComparisonOptions, parseComparison } from "./reconcile-options.ts";
import { sweep } from "./sweep.ts";

/** Options of {@link trailWatch}. */
export interface TrailWatchOptions extends ComparisonOptions {
  /** The guard whose audit log gets a notice `finding` for each. @defaultValue none */
  readonly guard?: object;
  /** Where progress and told findings are kept, so that a restart neither loses nor repeats. @defaultValue memory */
  readonly state?: StateStore;
  /** Keeps several watches on one store apart. @defaultValue `default` */
  readonly name?: string;
  /** Where to begin when the store knows of no progress, in Unix milliseconds. @defaultValue now */
  readonly startAt?: number;
  /** Milliseconds between two looks. @defaultValue 300000 */
  readonly intervalMs?: number;
  /** How long a span that stays unknown is read again before it is given up, in milliseconds. @defaultValue 86400000 */
  readonly patienceMs?: number;
  /** How long a finding is remembered, in milliseconds. @defaultValue 7776000000, ninety days */
  readonly rememberMs?: number;
  /** Sees each look's report. */
  readonly onReport?: (report: TrailReport) => void | Promise<void>;
  /** Sees what went wrong: a journal, the store, a hook. @defaultValue only the metrics tell */
  readonly onError?: (error: unknown) => void;
  /** @defaultValue the globally registered provider */
  readonly meterProvider?: MeterProvider;
}

/** A trail that is watched. */
export interface TrailWatch {
  /** Until when, in Unix milliseconds, everything has been judged; `undefined` before the first look. */
  readonly judgedTo: number | undefined;
  /** Looks now, or waits for the look under way. @returns Its report; `undefined` where there was nothing to judge, or it failed. */
  check(): Promise<TrailReport | undefined>;
  /** Ends the look under way, and all to come. */
  close(): Promise<void>;
}

const schema = {
  guard: z.looseObject({}).optional(),
  state: z.looseObject({ get: z.function(), put: z.function() }).optional(),
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "expected up to 64 letters, digits, . _ -")
    .default("default"),
  startAt: z.number().optional(),
  intervalMs: z.number().min(1000).default(300_000),
  patienceMs: z.number().min(0).default(86_400_000),
  rememberMs: z
    .number()
    .min(0)
    .default(90 * 86_400_000),
  onReport: z.function().optional(),
  onError: z.function().optional(),
  meterProvider: z.looseObject({ getMeter: z.function() }).optional(),
};

/**
 * Compares a trail with the journals again and again, each span once it has been delivered, and tells
 * each finding once: to `onFinding`, in the guard's audit log, in metrics. A finding whose hook fails
 * is told again at the next look. What stays unknown is read again until `patienceMs` have passed.
 *
 * @param options - See {@link TrailWatchOptions}.
 * @returns The watch; it does not keep the process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import type { Guard, StateStore } from "provider-guard";
 * import { freezeCluster, trailWatch, type Trail } from "provider-guard/manual-operations";
 * declare const guard: Guard;
 * declare const state: StateStore;
 * declare const trail: Trail;
 * const watch = trailWatch({
 *   guard,
 *   state,
 *   trail,
 *   journal: { directory: "/var/log/acme-audit" },
 *   principals: ["arn:aws:iam::123456789012:role/acme-controller"],
 *   onFinding: freezeCluster(guard),
 * });
 */
export function trailWatch(options: TrailWatchOptions): TrailWatch {
  const checked = parseComparison(options, schema, "trailWatch");
  const { name, intervalMs, lateMs, rememberMs } = checked;
  const { clock = systemClock, trail, guard, onFinding, onError } = options;
  const state = options.state ?? memoryState({ clock });
  const prefix = `manual-operations/${name}/`;
  const closing = new AbortController();
  const { signal } = closing;
  const startedAt = clock.now();
  const startAt = options.startAt ?? startedAt;
  let lateAt = Number.NEGATIVE_INFINITY;
  let running: Promise<TrailReport | undefined> | undefined;
  let timer: Timer | undefined;

  const meter = (options.meterProvider ?? metrics).getMeter("provider-guard");
  const counter = meter.createCounter("provider_guard.trail.findings", {
    description: "Findings of a trail, by class",
  });
  const failures = meter.createCounter("provider_guard.trail.failures", {
    description: "Looks at a trail that failed",
  });
  const lag = meter.createObservableGauge("provider_guard.trail.lag", {
    unit: "s",
    description: "Seconds of a trail that should have been judged and were not",
  });

  function failed(error: unknown): void {
    if (signal.aborted) return;
    failures.add(1, { cloud: trail.cloud });
    onError?.(error);
  }

  const tell = findingTeller({ state, prefix, rememberMs, clock, signal, guard, counter, onFinding, failed });
  const both = { options, checked, state, startAt, signal, tell, failed };
  const prompt = sweep({ ...both, key: `${prefix}progress`, lateMs: 0 });
  const late = sweep({ ...both, key: `${prefix}late-progress`, lateMs });

  const observe: Parameters<typeof lag.addCallback>[0] = (result) =>
    result.observe(Math.max(0, prompt.due() - (prompt.judgedTo ?? startedAt)) / 1000, { cloud: trail.cloud });
  lag.addCallback(observe);

  /** The trail is read a second time for what came late: rarely, and in long spans. */
  async function lookBack(): Promise<void> {
    if (lateMs === 0 || clock.monotonic() < lateAt) return;
    lateAt = clock.monotonic() + lateMs / 8;
    await late.look();
  }

  async function look(): Promise<TrailReport | undefined> {
    const report = await prompt.look();
    await lookBack();
    return report;
  }

  function check(): Promise<TrailReport | undefined> {
    signal.throwIfAborted();
    timer?.cancel();
    running ??= look()
      .catch((error) => void failed(error))
      .finally(() => {
        running = undefined;
        if (!signal.aborted) timer = clock.setTimeout(() => void check(), intervalMs);
      });
    return running;
  }

  timer = clock.setTimeout(() => void check(), 0);
  return {
    get judgedTo() {
      return prompt.judgedTo;
    },
    check,
    async close() {
      closing.abort(new Error("the watch is closed"));
      timer?.cancel();
      lag.removeCallback(observe);
      await running;
      if (options.state === undefined) await state.close();
    },
  };
}
