import * as z from "zod";
import { systemClock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import { textOf } from "./fields.ts";
import {
  eventFinding,
  type Finding,
  type FindingClass,
  findingClasses,
  missingFinding,
  type OperationClass,
  type TrailReport,
} from "./findings.ts";
import { type IndexedCall, indexJournals } from "./journal-index.ts";
import { judge, knowing, sameOperation } from "./judge.ts";
import { recentIds } from "./recent-ids.ts";
import { type CheckedComparison, type ComparisonOptions, ownIdentity, parseComparison } from "./reconcile-options.ts";
import type { Trail, TrailReading, TrailSpan, UnknownSpan } from "./trail.ts";
import type { TrailEvent } from "./trail-event.ts";

/** Options of {@link reconcileTrail}. */
export interface ReconcileTrailOptions extends ComparisonOptions {
  /** Unix milliseconds. */
  readonly from: number;
  /** Unix milliseconds. @defaultValue the latest moment of which everything must have been delivered */
  readonly to?: number;
  readonly signal?: AbortSignal;
}

const maxFindings = 1000;
const span = { from: z.number(), to: z.number().optional(), signal: z.instanceof(AbortSignal).optional() };

const isFinding = (kind: OperationClass): kind is FindingClass => (findingClasses as readonly string[]).includes(kind);

function noCounts(): Record<OperationClass, number> {
  const own = { own: 0, "own-retry": 0, "own-unmatched": 0, "cloud-service": 0, "externally-managed": 0 };
  return { ...own, "manual-console": 0, "manual-api": 0, "stolen-credential": 0, "missing-in-trail": 0 };
}

const expectedIn = (trail: Trail, { target }: IndexedCall): boolean =>
  target.cloud === trail.cloud &&
  (trail.account === undefined || target.account === "default" || target.account === trail.account) &&
  (trail.region === undefined || target.region === "default" || target.region === trail.region);

type EndedCall = IndexedCall & { readonly endAt: number };

/** A call that the trail must show by now. */
function isDue({ kind, succeededAs, endAt }: IndexedCall, from: number, to: number): boolean {
  return kind !== "read" && succeededAs !== undefined && endAt !== undefined && endAt >= from && endAt < to;
}

/** A name for an error: never its message, which a server has written. */
const nameOf = (error: unknown): string => textOf((error as { readonly name?: unknown } | null)?.name) ?? "Error";

/** Ends where the trail fails; what whoever reads the events throws is their own. */
async function* untilFailure(reading: TrailReading, failed: (error: unknown) => void): AsyncGenerator<TrailEvent> {
  try {
    yield* reading;
  } catch (error) {
    failed(error);
  }
}

/**
 * Compares a cloud's own trail with the journals: what in it did the controllers do, and who did the
 * rest; and which of their calls does the trail not show? Memory holds the journal's calls of the
 * span; events pass through one by one. What cannot be read, or is not delivered yet, makes the result
 * `unknown`, never in sync.
 *
 * @param options - See {@link ReconcileTrailOptions}.
 * @returns What was found, and what nobody knows; {@link trailExitCode} makes an exit code of it.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a journal cannot be read.
 * @throws `options.signal.reason` when aborted; what a callback throws.
 * @example
 * import { cloudTrailLookup, reconcileTrail, type CloudTrailClient } from "provider-guard/manual-operations";
 * declare const client: CloudTrailClient; // new CloudTrail({ region: "eu-west-1" })
 * const report = await reconcileTrail({
 *   journal: { directory: ["/var/log/acme-audit"] },
 *   trail: cloudTrailLookup({ client, region: "eu-west-1" }),
 *   principals: ["arn:aws:iam::123456789012:role/acme-controller"],
 *   from: Date.parse("2026-11-23T00:00:00Z"),
 * });
 * for (const finding of report.findings) console.warn(finding.class, finding.operation, finding.principal?.id);
 */
export async function reconcileTrail(options: ReconcileTrailOptions): Promise<TrailReport> {
  const checked = parseComparison(options, span, "reconcileTrail");
  const { from, to = deliveredBy(options, checked), signal } = checked;
  if (to <= from) throw new GuardError("ERR_CONFIG_INVALID", "reconcileTrail.to: expected a time after `from`");
  return compareSpan(options, checked, { from, to }, signal);
}

/** Of what is older, every record must have been delivered. */
export const deliveredBy = (
  { trail, clock = systemClock }: Pick<ComparisonOptions, "trail" | "clock">,
  { slackMs }: Pick<CheckedComparison, "slackMs">,
): number => clock.now() - trail.deliveryDelayMs - slackMs;

/** Compares one span, by options that were checked. */
export async function compareSpan(
  options: ComparisonOptions,
  checked: CheckedComparison,
  { from: since, to: asked }: TrailSpan,
  signal: AbortSignal | undefined,
): Promise<TrailReport> {
  const { slackMs, openMs, reads, maxCalls, directories } = checked;
  const { trail, onJudged, onFinding } = options;
  const delivered = deliveredBy(options, checked);
  const unknown: UnknownSpan[] = [];
  const counts = noCounts();
  const findings: Finding[] = [];
  let events = 0;

  async function found(finding: Finding): Promise<void> {
    if (findings.length < maxFindings) findings.push(finding);
    await onFinding?.(finding);
  }

  const inReach = { from: since - slackMs, to: Math.min(asked, delivered) + slackMs };
  const index = await indexJournals({ directories, span: inReach, openMs, reads, maxCalls, signal });
  for (const reason of index.problems) unknown.push({ from: since, to: asked, reason });
  const from = Math.min(asked, Math.max(since, index.completeFrom));
  if (from > since) unknown.push({ from: since, to: from, reason: "older than what is left of a journal" });

  /** Nothing after `end` is judged. */
  function until(end: number, limit: number, reason: string): number {
    if (limit >= end) return end;
    const to = Math.max(from, limit);
    unknown.push({ from: to, to: end, reason });
    return to;
  }

  let to = until(asked, delivered, "not delivered yet");
  to = until(to, index.completeTo, "more calls than maxCalls");

  const sameName = options.sameOperation ?? sameOperation;
  const judges = judge({ index, isOurs: ownIdentity(options.principals), sameOperation: sameName, slackMs, openMs });
  const told = recentIds();
  const reading = trail.read({ from: from - slackMs, to: to + slackMs }, { signal });
  let failed = false;
  const failure = (error: unknown) => {
    signal?.throwIfAborted();
    failed = true;
    unknown.push({ from, to, reason: `the trail could not be read (${nameOf(error)})` });
  };
  for await (const event of untilFailure(reading, failure)) {
    signal?.throwIfAborted();
    events++;
    if ((event.readOnly && !reads) || told.again(event.id)) continue;
    if (event.at < from || event.at >= to || options.concerns?.(event) === false) {
      judges.saw(event);
      continue;
    }
    let judgement = judges.judge(event);
    if (isFinding(judgement.class)) judgement = knowing(judgement, (await options.belongsTo?.(event)) ?? {});
    counts[judgement.class]++;
    onJudged?.(judgement);
    if (isFinding(judgement.class)) await found(eventFinding(event, judgement.class, judgement.cluster));
  }

  const { malformed, gaps, deliveredTo } = reading;
  if (!failed) {
    unknown.push(...gaps);
    if (malformed > 0) unknown.push({ from, to, reason: `${malformed} records of the trail could not be understood` });
    to = until(to, deliveredTo - slackMs, "nothing shows that the trail has been delivered");
    const due = (call: IndexedCall): call is EndedCall =>
      isDue(call, from, to) && expectedIn(trail, call) && options.shows?.(call) !== false;
    const expected = [...index.byCall.values()].filter(due);
    if (events === 0 && expected.length > 0) {
      unknown.push({ from, to, reason: `the trail is empty, the journal has ${expected.length} calls` });
    } else {
      for (const call of expected) {
        if (call.seen || gaps.some((gap) => call.endAt >= gap.from && call.endAt <= gap.to)) continue;
        counts["missing-in-trail"]++;
        await found(missingFinding(call));
      }
    }
  }

  const status = findings.length > 0 ? "findings" : unknown.length > 0 ? "unknown" : "in-sync";
  return { status, from, to, unknown, findings, counts, events, malformed, calls: index.byCall.size };
}
