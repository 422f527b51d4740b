import type { Binding, SeenResource } from "./adapter.ts";
import type { ErrorClass } from "./errors.ts";
import type { ManualOperation } from "./manual.ts";
import type { Owner } from "./owner.ts";
import type { Phase } from "./phases.ts";
import type { CallKind, Target } from "./target.ts";

/** What one phase did to a call; kept for the audit record and for `explain`. */
export interface Decision {
  readonly phase: Phase;
  /** Name of the interceptor that decided. */
  readonly by: string;
  /** `would-refuse` and `would-wait`: the phase is in `observe` mode and let the call pass. */
  readonly verdict: "refuse" | "would-refuse" | "wait" | "would-wait" | "warn" | "change" | "resume" | "retry";
  /** Error code of a refusal. */
  readonly code?: string;
  /** Milliseconds waited. */
  readonly ms?: number;
  /** Short constant text for people; no input, no secret. */
  readonly note?: string;
}

/** What the wire answered to one attempt. */
export interface Answer {
  /** `ok`, or what kind of failure it was. */
  readonly class: "ok" | ErrorClass;
  /** The cloud's own name for the error. Never its message. */
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  /** Headers of the answer that its span keeps, by names in lower case: what says why the service treated it so. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Requests left in the cloud's own window, where it says so. */
  readonly remaining?: number | undefined;
  /** Milliseconds until that window begins anew, where it says so. */
  readonly resetMs?: number | undefined;
}

/** One logical operation of a client, e.g. `RunInstances`. */
export interface Call {
  /** Sortable unique identifier: the intent id in the audit log, tags and the cloud's own trail. */
  readonly id: string;
  readonly target: Target;
  readonly operation: string;
  readonly kind: CallKind;
  /** What kind of resource the operation is about, where the adapter knows. */
  readonly resourceType: string | undefined;
  /** The input that will be sent. Interceptors replace it and never change the caller's object. */
  input: unknown;
  readonly owner: Owner;
  /** Who makes the call by hand; `undefined` where the controller itself does. */
  readonly manual?: ManualOperation | undefined;
  readonly signal: AbortSignal | undefined;
  /** 0 to 9, higher first, where the reconcile says so. */
  readonly priority: number | undefined;
  /** When waiting makes no sense any more, in monotonic milliseconds. */
  readonly deadlineAt: number | undefined;
  /** Whether it only takes away access or a secret: such a call goes on during an emergency stop. */
  readonly revokes: boolean;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** Idempotency token that a create carries; the earlier call's when an open intent is resumed. */
  token: string | undefined;
  /** Id of the earlier call whose open intent this one resumes. */
  resumes: string | undefined;
  /** Keyed digest of owner, operation and input, by which a restarted controller finds its open intent. */
  fingerprint: string | undefined;
  /** What the adapter saw in an answer; ask `seenIn`. */
  seen?: { readonly answer: unknown; readonly resources: readonly SeenResource[] } | undefined;
  readonly attempts: Attempt[];
  readonly decisions: Decision[];
  /** The wrapped client this call came through. */
  readonly binding: Binding;
}

/** One request on the wire. */
export interface Attempt {
  readonly call: Call;
  /** 1 for the first. */
  readonly number: number;
  /** Unix milliseconds at which the attempt entered its ring. */
  readonly startedAt: number;
  /** Milliseconds spent waiting for the rate limit. */
  waitedMs: number;
  /** Whether the request was handed to the wire. */
  sent: boolean;
  /** Set by the credential phase: a fresh credential is at hand, the request is worth a second attempt. */
  again: boolean;
  /** Set once the wire has answered, or failed to. */
  answer: Answer | undefined;
  /** Milliseconds between sending and answer. */
  latencyMs: number;
}

/** Whether an operation changes anything in the cloud. */
export function isMutating(call: { readonly kind: CallKind }): boolean {
  return call.kind !== "read";
}
