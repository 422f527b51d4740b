import type { JournalCall } from "./journal-call.ts";
import type { UnknownSpan } from "./trail.ts";
import type { TrailEvent, TrailPrincipal } from "./trail-event.ts";

/** What an event of the trail, or a call that the trail does not show, turned out to be. */
export type OperationClass =
  | "own"
  | "own-retry"
  | "own-unmatched"
  | "cloud-service"
  | "externally-managed"
  | "manual-console"
  | "manual-api"
  | "stolen-credential"
  | "missing-in-trail";

/** Classes that somebody should look at. */
export const findingClasses = ["manual-api", "manual-console", "missing-in-trail", "stolen-credential"] as const;

/** A class that somebody should look at. */
export type FindingClass = (typeof findingClasses)[number];

/** Something that somebody should look at. It holds identifiers, never input. */
export interface Finding {
  /** The same for the same event, whoever finds it and however often. */
  readonly id: string;
  readonly class: FindingClass;
  readonly cloud: string;
  /** When it happened, in Unix milliseconds. */
  readonly at: number;
  readonly service: string;
  readonly operation: string;
  readonly account?: string | undefined;
  readonly region?: string | undefined;
  readonly requestId?: string | undefined;
  readonly principal?: Omit<TrailPrincipal, "ids"> | undefined;
  readonly userAgent?: string | undefined;
  readonly sourceIp?: string | undefined;
  readonly resources: readonly string[];
  /** The cloud's code, where the request failed. */
  readonly error?: string | undefined;
  /** UID of the cluster that it is about, where `belongsTo` or the journal knows. */
  readonly cluster?: string | undefined;
  /** The journal's call: the one that the trail does not show, or that the request claims to be. */
  readonly call?: string | undefined;
}

/** The finding that an event of the trail is. */
export function eventFinding(event: TrailEvent, kind: FindingClass, cluster: string | undefined): Finding {
  const { cloud, at, service, operation, account, region, userAgent, sourceIp, resources, error } = event;
  const { principal } = event;
  return {
    id: `${cloud}/${event.id}`,
    class: kind,
    ...{ cloud, at, service, operation, account, region },
    requestId: event.requestIds[0],
    principal: principal && {
      id: principal.id,
      type: principal.type,
      name: principal.name,
      session: principal.session,
    },
    ...{ userAgent, sourceIp, resources, error, cluster },
    call: event.intent,
  };
}

/** The finding that a call is which the trail does not show. */
export function missingFinding({ call, at, target, operation, owner, succeededAs }: JournalCall): Finding {
  return {
    id: `call/${call}`,
    class: "missing-in-trail",
    ...target,
    ...{ at, operation, call },
    requestId: succeededAs,
    resources: [],
    cluster: owner.cluster?.uid,
  };
}

/** How a reconciliation ended. It is never in sync while there is something that nobody knows. */
export interface TrailReport {
  /** `findings` wins over `unknown`. */
  readonly status: "in-sync" | "findings" | "unknown";
  /** From when to when, in Unix milliseconds, events were judged. */
  readonly from: number;
  readonly to: number;
  /** Parts of it, or of what was asked for beyond it, of which nobody can say what happened. */
  readonly unknown: readonly UnknownSpan[];
  /** The first thousand findings; `onFinding` sees them all. */
  readonly findings: readonly Finding[];
  /** How many operations were of which class. */
  readonly counts: Readonly<Record<OperationClass, number>>;
  /** Events that were read, those outside of the span and those told twice included. */
  readonly events: number;
  /** Records that could not be understood. */
  readonly malformed: number;
  /** Calls of the journal that were compared. */
  readonly calls: number;
}

/**
 * The exit code for a reconciliation, as drift detectors have it: 0 in sync, 1 findings, 3 unknown.
 * An error that was thrown is 2.
 *
 * @param report - What `reconcileTrail` resolved to.
 * @returns The code for `process.exitCode`.
 */
export function trailExitCode(report: TrailReport): 0 | 1 | 3 {
  return report.status === "in-sync" ? 0 : report.status === "findings" ? 1 : 3;
}
