import { simulatedClock } from "provider-guard/testing";
import type { AuditRecord, FileJournalOptions, IntentRecord, OutcomeRecord } from "../../src/index.ts";
import type { Trail, TrailEvent } from "../../src/manual-operations/index.ts";
import { readingOf } from "../../src/manual-operations/trail.ts";
import { openJournal, principal, temporaryDirectory } from "../audit/support.ts";

export const minute = 60_000;
/** When the tests' day begins. */
export const start = Date.UTC(2026, 0, 1);
export const roleArn = "arn:aws:iam::123456789012:role/acme-controller";

let calls = 0;

/** A call id as the guard makes them; each is another one. */
export const callId = (): string => `01k${String(++calls).padStart(23, "0")}`;

const owner = { ...principal, cluster: { namespace: "default", name: "prod", uid: "c-uid" } };

export interface CallOptions {
  readonly call?: string;
  readonly at?: number;
  /** Request ids of the attempts; `undefined` for one whose answer was lost. */
  readonly requests?: readonly (string | undefined)[];
  readonly outcome?: false;
  readonly intent?: Partial<IntentRecord>;
}

/** The records of one successful, or lost, RunInstances. */
export function callRecords({
  call = callId(),
  at = start,
  requests = [],
  outcome,
  intent,
}: CallOptions): AuditRecord[] {
  const target = { cloud: "aws", service: "EC2", account: "123456789012", region: "eu-west-1" };
  const made: IntentRecord = {
    ...{ type: "intent", call, at, target, operation: "RunInstances", kind: "create", owner, input: {} },
    ...intent,
  };
  if (outcome === false) return [made];
  const attempts = requests.map((requestId, index) => ({
    n: index + 1,
    requestId,
    result: requestId === undefined ? "lost" : index === requests.length - 1 ? "ok" : "outage",
    ms: 10,
  }));
  const result = attempts.some((attempt) => attempt.result === "lost") ? "unknown" : "ok";
  return [made, { type: "outcome", call, at: at + 1000, result, ms: 1000, attempts } satisfies OutcomeRecord];
}

/** A journal with these records, on a disk. */
export async function journalOf(
  records: readonly AuditRecord[],
  options: Partial<FileJournalOptions> = {},
): Promise<{ directory: string }> {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory, { mode: "batch", ...options });
  for (const record of records) {
    journal.enqueue(record);
    if (options.segmentBytes !== undefined) await journal.flush();
  }
  await journal.flush();
  await journal.close();
  return { directory };
}

/** A clock that stands hours after the tests' day began. */
export const laterClock = (hours = 2) => simulatedClock({ startAt: start + hours * 60 * minute });

let events = 0;

export function trailEvent(more: Partial<TrailEvent> = {}): TrailEvent {
  return {
    ...{ cloud: "aws", id: `event-${++events}`, at: start + 500, service: "ec2", operation: "RunInstances" },
    ...{ readOnly: false, account: "123456789012", region: "eu-west-1", requestIds: [], resources: [], console: false },
    ...more,
  };
}

export const ours = { id: roleArn, type: "AssumedRole", session: "acme", ids: [roleArn] };
export const alice = { id: "arn:aws:iam::123456789012:user/alice", type: "IAMUser", ids: ["alice"] };

export interface FakeTrailOptions {
  readonly deliveredTo?: number;
  readonly malformed?: number;
  readonly gap?: string;
  /** Thrown after the events. */
  readonly failure?: Error;
}

/** A trail that has these events, and whatever befalls it. */
export function fakeTrail(
  told: Iterable<TrailEvent>,
  { deliveredTo = Number.POSITIVE_INFINITY, malformed = 0, gap, failure }: FakeTrailOptions = {},
): Trail {
  return {
    cloud: "aws",
    deliveryDelayMs: 15 * minute,
    read: (span) =>
      readingOf(span, async function* (notes) {
        notes.deliveredTo = deliveredTo;
        notes.malformed = malformed;
        if (gap !== undefined) notes.gap(gap);
        yield* told;
        if (failure !== undefined) throw failure;
      }),
  };
}
