import type { Decision } from "./call.ts";
import type { Clock, Random } from "./clock.ts";
import type { ManualOperation } from "./manual.ts";
import type { Owner, Principal } from "./owner.ts";
import type { CallKind, Target } from "./target.ts";
import type { Gauges } from "./telemetry.ts";

interface CallFacts {
  /** The call's id; outcome and intent share it. */
  readonly call: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly target: Target;
  readonly operation: string;
  readonly kind: CallKind;
  readonly resourceType?: string | undefined;
  readonly owner: Owner;
  /** Only of what a person did by hand. */
  readonly manual?: ManualOperation | undefined;
}

/** Written, and durable, before a mutating request leaves. */
export interface IntentRecord extends CallFacts {
  readonly type: "intent";
  /** Redacted. */
  readonly input: unknown;
  /** Whether parts of the input were left out for their size. */
  readonly truncated?: true | undefined;
  /** Idempotency token of a create; the id of an earlier intent when that one is resumed. */
  readonly token?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** Ids of what is changed or deleted, as far as the adapter can tell: the first 1,000. */
  readonly resources?: readonly string[] | undefined;
}

/** One request on the wire, as the outcome lists it. */
export interface AttemptRecord {
  readonly n: number;
  readonly requestId?: string | undefined;
  readonly status?: number | undefined;
  /** `ok`, an error class, or `lost` where nobody knows whether the request arrived. */
  readonly result: string;
  readonly code?: string | undefined;
  /** Milliseconds on the wire. */
  readonly ms: number;
  /** Milliseconds waited for the rate limit. */
  readonly waitedMs?: number | undefined;
}

/**
 * How a call ended. `unknown`: a request left and no clear answer came back, so that the intent
 * stays open. `not-sent`: nothing left this process.
 */
export type CallResult = "ok" | "failed" | "unknown" | "not-sent";

interface Ending {
  readonly result: CallResult;
  /** Milliseconds from entering the ring to the end. */
  readonly ms: number;
  readonly attempts: readonly AttemptRecord[];
  readonly decisions?: readonly Decision[] | undefined;
  /** Error class or code of a failure. Never the message. */
  readonly error?: string | undefined;
}

/** Written after the answer to a mutating call. */
export interface OutcomeRecord extends Ending {
  readonly type: "outcome";
  readonly call: string;
  readonly at: number;
  /** Ids of what a create's answer shows, as far as the adapter can tell: the first 1,000. */
  readonly resources?: readonly string[] | undefined;
}

/** A read, in one record after the answer. */
export interface ReadRecord extends CallFacts, Ending {
  readonly type: "read";
}

/** A call that a phase refused before any intent was written. */
export interface RefusalRecord extends CallFacts {
  readonly type: "refusal";
  readonly code: string;
  readonly decisions?: readonly Decision[] | undefined;
}

/** Something about the journal or the guard itself: opened, recovered, drops, freeze, thaw. */
export interface NoticeRecord {
  readonly type: "notice";
  readonly at: number;
  /** Constant text. */
  readonly event: string;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** Everything a journal takes. A field that is `undefined` is not there. */
export type AuditRecord = IntentRecord | OutcomeRecord | ReadRecord | RefusalRecord | NoticeRecord;

/** An intent without a clear outcome: what it asked for may exist. */
export interface OpenIntent {
  readonly call: string;
  readonly at: number;
  readonly operation: string;
  readonly service: string;
  readonly owner: Owner;
  readonly token?: string;
  readonly fingerprint?: string;
}

/** What a guard gives a journal when it opens it. */
export interface JournalContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly principal: Principal;
  /** Where the journal shows how it fares. @defaultValue nowhere */
  readonly telemetry?: Gauges;
}

/** An open audit log. */
export interface Journal {
  /**
   * Records something that must be durable before the caller goes on.
   * @param signal - Ends the wait of a journal that waits for room instead of refusing; not a write under way.
   * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when it cannot be; nothing was recorded then.
   */
  append(record: AuditRecord, signal?: AbortSignal): Promise<void>;
  /** Records something without waiting. What cannot be written is counted in {@link Journal.dropped}. */
  enqueue(record: AuditRecord): void;
  /** Intents of earlier processes that are still without a clear outcome, oldest first. */
  readonly unfinished: readonly OpenIntent[];
  /** Keyed digest for correlation: the same text gives the same digest across restarts. */
  correlate(text: string): string;
  /** Records that were lost because they could not be written. */
  readonly dropped: number;
  /** Resolves once everything recorded so far is durable or counted as dropped. */
  flush(): Promise<void>;
  /** Flushes, and lets go of the directory. */
  close(): Promise<void>;
}

/** A journal that has not been opened yet; `createGuard` opens it. */
export interface JournalSource {
  /**
   * @throws {@link GuardError} `ERR_AUDIT_LOCKED`, `ERR_AUDIT_CORRUPT` or `ERR_AUDIT_UNAVAILABLE`, naming the path.
   */
  open(context: JournalContext): Promise<Journal>;
}
