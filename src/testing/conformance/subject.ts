import type { Adapter, SeenResource } from "../../core/adapter.ts";
import type { Tags } from "../../core/tags.ts";
import type { CallKind } from "../../core/target.ts";

/** A failure that the kit's wire can answer with. `lost`: the connection breaks before the answer. */
export type FailureReply =
  | "throttled"
  | "denied"
  | "unauthenticated"
  | "not-found"
  | "conflict"
  | "outage"
  | "invalid"
  | "lost";

/** What the wire says to one request; the client under test turns it into its own protocol's answer. */
export interface WireReply {
  readonly kind: "ok" | FailureReply;
  /** What the answer must carry where the protocol has a place for it. */
  readonly requestId: string;
  /** HTTP status that fits `kind`; `undefined` for `lost`. */
  readonly status: number | undefined;
  /** With `throttled`: what the answer asks to wait, in milliseconds (whole seconds). */
  readonly retryAfterMs: number | undefined;
}

/** One request as it reached the wire, decoded by the client under test from what was really sent. */
export interface WireRequest {
  /** Tags in the request, where it has any. */
  readonly tags?: Tags | undefined;
  /** Idempotency token in the request, where it has one. */
  readonly token?: string | undefined;
  /** Which credential signed the request, where {@link ConformanceSubject.credentials} is declared. */
  readonly credential?: string | undefined;
  /** The signal that reached the transport; the wire stops answering when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** The end of the line: the client under test sends every request here. */
export interface Wire {
  /** @throws `signal.reason` when the request's signal aborts while the answer is awaited. */
  send(request: WireRequest): Promise<WireReply>;
}

/** What the kit may ask to be put into an operation's input. */
export interface InputExtras {
  /** The caller's own tags. */
  readonly tags?: Tags;
  /** The caller's own idempotency token. */
  readonly token?: string;
}

/** One operation of the client under test. */
export interface SubjectOperation<C> {
  /** Name under which the adapter is to report it. */
  readonly operation: string;
  /** Service under which the adapter is to report it. @defaultValue whatever it reports */
  readonly service?: string;
  /** @defaultValue whatever the adapter says */
  readonly resourceType?: string;
  /** Makes a fresh input; the kit freezes it deeply, as a careful caller might. */
  input(extras: InputExtras): unknown;
  /** Makes the call, as a user would write it. */
  invoke(client: C, input: never, signal?: AbortSignal): Promise<unknown>;
  /** Ids that the input names, for updates and deletes. */
  readonly targets?: readonly string[];
  /** Resources in the wire's `ok` answer. */
  readonly seen?: readonly SeenResource[];
  /** Texts in the input that must never be recorded. */
  readonly secrets?: readonly string[];
}

/** Something that an adapter or its clients may not have. */
export type ConformanceCapability =
  | "foreign"
  | "signal"
  | "retries"
  | "repeat"
  | "tags"
  | "given"
  | "token"
  | "targets"
  | "seen"
  | "read-tags"
  | "retry-after"
  | "request-id"
  | "status"
  | "credentials"
  | "limits"
  | "secrets"
  | "inventory"
  | FailureReply;

/** An adapter, and what the kit must know of its clients to check it. */
export interface ConformanceSubject<C extends object> {
  /** Begins the title of every case. */
  readonly name: string;
  /** Makes a fresh adapter. */
  adapter(): Adapter<C>;
  /** Makes a fresh client whose requests all end in `wire`. Its own retries, if any, must not wait. */
  makeClient(wire: Wire): C | Promise<C>;
  /** One operation of each kind that the clients have. */
  readonly operations: { readonly read: SubjectOperation<C> } & {
    readonly [K in Exclude<CallKind, "read">]?: SubjectOperation<C>;
  };
  /** Clients of other families, which the adapter must refuse. */
  readonly foreign?: readonly object[];
  /** `answered`: failures are results, as with `fetch`; then no error is thrown for them. @defaultValue `"thrown"` */
  readonly failures?: "thrown" | "answered";
  /** Requests that the client itself makes of one call while it is throttled. @defaultValue 1 */
  readonly attemptsWhenThrottled?: number;
  /** A resource whose tags the wire's `ok` answer gives when the adapter reads them. */
  readonly readable?: SeenResource;
  /** Two credentials for the adapter's signer, each with the name by which the client under test reports it. */
  readonly credentials?: readonly [SubjectCredential, SubjectCredential];
  /** Why something cannot be checked; shown where cases are skipped. */
  readonly lacks?: Partial<Readonly<Record<ConformanceCapability, string>>>;
}

/** A credential in the form the adapter takes. */
export interface SubjectCredential {
  readonly value: unknown;
  /** What {@link WireRequest.credential} is when a request was signed with it. */
  readonly name: string;
}

/** One check. */
export interface ConformanceCase {
  readonly title: string;
  /** Why it is not run. */
  readonly skip?: string;
  /** Resolves if the adapter behaves; rejects with an `AssertionError` that says what is wrong. */
  run(): Promise<void>;
}
