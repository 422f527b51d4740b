import { systemClock } from "../core/clock.ts";
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
import type { IndexedCall } from "./journal-call.ts";
import type { JournalIndex } from "./journal-index.ts";
import { type Judgement, judge, knowing, sameOperation } from "./judge.ts";
import { recentIds } from "./recent-ids.ts";
import { type CheckedComparison, type ComparisonOptions, ownIdentity } from "./reconcile-options.ts";
import type { Trail, TrailReading, TrailSpan, UnknownSpan } from "./trail.ts";
import type { TrailEvent } from "./trail-event.ts";

const maxFindings = 1000;
/** Events that wait to be settled together; only somebody who repeats one request endlessly makes more. */
const maxCompeting = 10_000;

const isFinding = (kind: OperationClass): kind is FindingClass => (findingClasses as readonly string[]).includes(kind);

function noCounts(): Record<OperationClass, number> {
  const own = { own: 0, "own-retry": 0, "own-unmatched": 0, "cloud-service": 0, "externally-managed": 0 };
  return { ...own, "manual-console": 0, "manual-api": 0, "stolen-credential": 0, "missing-in-trail": 0 };
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

type EndedCall = IndexedCall & { readonly endAt: number };

/** Whether the trail must show a call that ended in a span. */
function expectedIn(trail: Trail, { from, to }: TrailSpan, call: IndexedCall): call is EndedCall {
  const { kind, target, succeededAs, endAt } = call;
  if (kind === "read" || succeededAs === undefined || endAt === undefined || endAt < from || endAt >= to) return false;
  return (
    target.cloud === trail.cloud &&
    (trail.account === undefined || target.account === "default" || target.account === trail.account) &&
    (trail.region === undefined || target.region === "default" || target.region === trail.region)
  );
}

/** Of what is older, every record should have been delivered. */
export const deliveredBy = (
  { trail, clock = systemClock }: Pick<ComparisonOptions, "trail" | "clock">,
  { slackMs }: Pick<CheckedComparison, "slackMs">,
): number => clock.now() - trail.deliveryDelayMs - slackMs;

/** What is compared. */
export interface SpanComparison {
  readonly options: ComparisonOptions;
  readonly checked: CheckedComparison;
  /** Holds what earlier spans have taught; this one must not begin before them. */
  readonly index: JournalIndex;
  readonly span: TrailSpan;
  readonly signal: AbortSignal | undefined;
}

/** What came of it. */
export interface ComparedSpan {
  readonly report: TrailReport;
  /** Until when there is nothing to be gained by comparing again before long. */
  readonly knownTo: number;
}

/** Compares one span, by options that were checked. */
export async function compareSpan(comparison: SpanComparison): Promise<ComparedSpan> {
  const { options, checked, index, span, signal } = comparison;
  const { from: since, to: asked } = span;
  const { slackMs, openMs, lateMs, reads } = checked;
  const { trail, onJudged, onFinding } = options;
  const delivered = deliveredBy(options, checked);
  const unknown: UnknownSpan[] = [];
  const counts = noCounts();
  const findings: Finding[] = [];
  let knownTo = asked;
  let events = 0;

  function nobodyKnows(from: number, to: number, reason: string): void {
    unknown.push({ from, to, reason });
    knownTo = Math.min(knownTo, from);
  }

  async function found(finding: Finding): Promise<void> {
    if (findings.length < maxFindings) findings.push(finding);
    await onFinding?.(finding);
  }

  const inReach = { from: since - slackMs, to: Math.min(asked, delivered) + slackMs };
  const { completeFrom, completeTo, problem = "" } = await index.read(inReach, signal);
  const { calls } = index;
  const from = Math.min(asked, Math.max(since, completeFrom));
  if (from > since) nobodyKnows(since, from, "older than what is left of a journal");

  /** Nothing after `limit` is judged. */
  function until(end: number, limit: number, reason: string): number {
    if (limit >= end) return end;
    const to = Math.max(from, limit);
    nobodyKnows(to, end, reason);
    return to;
  }

  let to = until(asked, delivered, "not delivered yet");
  to = until(to, completeTo - slackMs, problem);

  const all = [...calls.byCall.values()];
  const mattersSince = (call: IndexedCall): number => {
    const end = call.endAt ?? call.at + openMs;
    const matters = call.unnamed > 0 ? end >= from - slackMs : expectedIn(trail, { from, to }, call);
    return matters ? call.at : from;
  };
  const reachesFrom = all.reduce((least, call) => Math.min(least, mattersSince(call)), from);

  const sameName = options.sameOperation ?? sameOperation;
  const judges = judge({ calls, isOurs: ownIdentity(options.principals), sameOperation: sameName, slackMs, openMs });
  const told = recentIds();
  let competing: TrailEvent[] = [];
  let shownTo = Number.NEGATIVE_INFINITY;

  async function tell(said: Judgement): Promise<void> {
    const { event } = said;
    const judgement = isFinding(said.class) ? knowing(said, (await options.belongsTo?.(event)) ?? {}) : said;
    counts[judgement.class]++;
    onJudged?.(judgement);
    if (isFinding(judgement.class)) await found(eventFinding(event, judgement.class, judgement.cluster));
  }

  const concerns = (event: TrailEvent) => event.at >= from && event.at < to && options.concerns?.(event) !== false;

  async function settle(): Promise<void> {
    const asked = new Set(competing.filter(concerns));
    const judgements = judges.settle(competing);
    const before = new Set(competing);
    competing = [];
    for (const said of judgements) if (asked.has(said.event) || !before.has(said.event)) await tell(said);
  }

  const reading = trail.read({ from: reachesFrom - slackMs, to: to + slackMs }, { signal });
  let failed = false;
  const failure = (error: unknown) => {
    signal?.throwIfAborted();
    failed = true;
    nobodyKnows(from, to, `the trail could not be read (${nameOf(error)})`);
  };
  for await (const event of untilFailure(reading, failure)) {
    signal?.throwIfAborted();
    events++;
    if (event.at <= to + slackMs) shownTo = Math.max(shownTo, event.at);
    if ((event.readOnly && !reads) || told.again(event.id)) continue;
    const judgement = judges.judge(event);
    if (judgement !== undefined) {
      if (concerns(event)) await tell(judgement);
    } else if (event.at < to && competing.push(event) >= maxCompeting) await settle();
  }
  await settle();

  const { malformed, gaps, deliveredTo } = reading;
  if (!failed) {
    for (const gap of gaps) if (gap.to > from) nobodyKnows(gap.from, gap.to, gap.reason);
    if (malformed > 0) nobodyKnows(from, to, `${malformed} records of the trail could not be understood`);
    to = until(to, deliveredTo - slackMs, "nothing shows that the trail has been delivered");
    const unseen = all.filter(
      (call): call is EndedCall =>
        !call.seen && expectedIn(trail, { from, to }, call) && options.shows?.(call) !== false,
    );
    const silent = unseen.filter(({ endAt }) => endAt > shownTo + slackMs).length;
    if (silent > 0) to = until(to, shownTo, `the trail is silent, the journal has ${silent} calls`);
    const pending: EndedCall[] = [];
    for (const call of unseen) {
      const { endAt } = call;
      if (endAt >= to || gaps.some((gap) => endAt >= gap.from && endAt <= gap.to)) continue;
      if (endAt >= delivered - lateMs) pending.push(call);
      else {
        counts["missing-in-trail"]++;
        await found(missingFinding(call));
      }
    }
    const first = Math.min(...pending.map(({ endAt }) => endAt));
    const reason = `the trail does not show ${pending.length} calls of the journal; it may be late`;
    if (pending.length > 0) unknown.push({ from: first, to, reason });
  }

  const status = findings.length > 0 ? "findings" : unknown.length > 0 ? "unknown" : "in-sync";
  const report = { status, from, to, unknown, findings, counts, events, malformed, calls: calls.byCall.size } as const;
  return { report, knownTo: Math.max(since, Math.min(knownTo, to)) };
}
