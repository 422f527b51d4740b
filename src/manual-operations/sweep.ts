import { systemClock } from "../core/clock.ts";
import type { StateStore } from "../core/state-store.ts";
import { compareSpan, deliveredBy } from "./compare-span.ts";
import type { Finding, TrailReport } from "./findings.ts";
import { type JournalIndex, journalIndex } from "./journal-index.ts";
import { keepProgress, keptProgress } from "./progress.ts";
import type { CheckedComparison, ComparisonOptions } from "./reconcile-options.ts";

/** Options of {@link sweep}. */
export interface SweepOptions {
  readonly options: ComparisonOptions & { readonly onReport?: (report: TrailReport) => void | Promise<void> };
  readonly checked: CheckedComparison & { readonly patienceMs: number };
  readonly state: StateStore;
  /** Where progress is kept. */
  readonly key: string;
  /** Where to begin when the store knows of no progress, in Unix milliseconds. */
  readonly startAt: number;
  /** How long to wait beyond the trail's usual delay, in milliseconds. */
  readonly lateMs: number;
  readonly signal: AbortSignal;
  /** @returns Whether everybody who should know of the finding does. */
  tell(finding: Finding): Promise<boolean>;
  failed(error: unknown): void;
}

/** Goes along a trail, span after span. */
export interface Sweep {
  /** Until when, in Unix milliseconds, everything has been judged; `undefined` before the first look. */
  readonly judgedTo: number | undefined;
  /** Until when, in Unix milliseconds, it should have been. */
  due(): number;
  /** @returns The last report; `undefined` where there was nothing to judge. */
  look(): Promise<TrailReport | undefined>;
}

/** Makes a sweep. What it has judged, and the place in the journals, survive in the state store. */
export function sweep(sweeping: SweepOptions): Sweep {
  const { options, checked, state, key, startAt, lateMs, signal, tell, failed } = sweeping;
  const { clock = systemClock } = options;
  const due = () => deliveredBy(options, checked) - lateMs;
  let judgedTo: number | undefined;
  let index: JournalIndex | undefined;

  async function resume(): Promise<{ index: JournalIndex; from: number }> {
    if (judgedTo !== undefined && index !== undefined) return { index, from: judgedTo };
    const kept = await keptProgress(state, key, signal);
    index = journalIndex({ ...checked, bounded: lateMs > 0, places: kept?.places });
    judgedTo = kept?.judgedTo ?? startAt;
    return { index, from: judgedTo };
  }

  async function next(from: number, to: number, calls: JournalIndex) {
    let undelivered = false;
    const onFinding = async (finding: Finding) => {
      if (!(await tell(finding))) undelivered = true;
    };
    const { report, knownTo } = await compareSpan({
      ...{ options: { ...options, onFinding }, checked, index: calls, span: { from, to }, signal },
    });
    const patient = Math.min(report.to, clock.now() - checked.patienceMs);
    return { report, reached: undelivered ? from : Math.max(knownTo, patient) };
  }

  return {
    due,
    get judgedTo() {
      return judgedTo;
    },
    async look() {
      const { index: calls, from: first } = await resume();
      let last: TrailReport | undefined;
      for (let from = first; ; ) {
        const to = due();
        if (to <= from) return last;
        const { report, reached } = await next(from, to, calls);
        last = report;
        judgedTo = reached;
        await keepProgress(state, key, { judgedTo, places: calls.places() }, signal).catch(failed);
        await options.onReport?.(report);
        if (reached === from || reached >= to) return last;
        from = reached;
      }
    },
  };
}
