import type { Answer, Attempt, Call } from "./call.ts";
import type { CredentialLease } from "./credential.ts";
import type { ErrorInfo } from "./errors.ts";
import type { LimitRule } from "./limit-rule.ts";
import type { RedactionPolicy } from "./redact.ts";
import type { TagCodec, Tags } from "./tags.ts";
import type { CallKind, Target } from "./target.ts";

/** What an operation does, as far as the adapter knows. */
export interface Classification {
  readonly kind: CallKind;
  readonly resourceType?: string;
  /**
   * `false` where the adapter guessed: a guessed mutating operation still goes through every
   * phase, and only the shape of its input is recorded.
   */
  readonly known: boolean;
  /**
   * Whether the operation does nothing but take away access or a secret (`DeleteSecret`,
   * `DeleteAccessKey`): an emergency stop lets it pass.
   * @defaultValue false
   */
  readonly revokes?: boolean;
}

/** What an adapter says about a call when it enters the operation ring. */
export interface CallDraft {
  readonly service: string;
  readonly operation: string;
  readonly input: unknown;
  /** @defaultValue `"default"`: one account for this client. */
  readonly account?: string;
  /** @defaultValue `"default"` */
  readonly region?: string;
  readonly signal?: AbortSignal;
}

/** The guard as an adapter sees it: two rings to run requests through. */
export interface Port {
  /**
   * Runs the operation ring around `send`. Inside, send `call.input`, not the caller's input.
   * @throws {@link GuardError} for a refusal; `call.signal.reason` when aborted while waiting.
   */
  call<R>(draft: CallDraft, send: (call: Call) => Promise<R>): Promise<R>;
  /**
   * Runs the attempt ring around one request on the wire. `send` is called a second time, as an
   * attempt of its own, where a refreshed credential can cure an authentication error.
   *
   * @param options.repeatable=true - Whether `send` can be called twice: not with a body that streams.
   */
  attempt<R>(
    call: Call,
    send: (attempt: Attempt) => Promise<R>,
    options?: { readonly repeatable?: boolean },
  ): Promise<R>;
  /** The lease given to `guard.wrap`, for adapters that hand credentials to the client's signer. */
  readonly credentials: CredentialLease | undefined;
}

/** A client with the guard's hooks in it. */
export interface Attachment<C> {
  /** What the user calls from now on: the same instance where it can be hooked, else a stand-in of the same type. */
  readonly client: C;
  /** Takes the hooks out again. Safe to call twice. */
  detach(): void;
}

/** A resource that was seen in an answer, with the tags it carried. */
export interface SeenResource {
  readonly id: string;
  readonly tags: Tags;
}

/** How a cloud's resources carry the owner, and its creates an idempotency token. */
export interface TagSupport {
  /** The cloud's rules for keys and values. */
  readonly codec: TagCodec;
  /**
   * Puts owner tags into a create.
   * @returns The new input (the given one is left alone), or `undefined` if this operation cannot carry tags.
   */
  write(call: Call, tags: Tags): unknown;
  /**
   * Tags that the input brings, for reserved keys to be refused. One that it takes away has the value
   * `""`, and so has one that it brings twice with different values: neither makes somebody an owner.
   */
  given?(call: Call): Tags | undefined;
  /** Puts the idempotency token into a create unless the caller set one; `undefined` if it cannot carry one. */
  token?(call: Call, token: string): { readonly input: unknown; readonly token: string } | undefined;
  /** Immutable ids of the resources that a call changes; none for a create that only refers to what is there. */
  targets?(call: Call): readonly string[];
  /** Resources with their tags in a read's or create's answer. */
  seen?(call: Call, result: unknown): Iterable<SeenResource>;
  /**
   * Reads one resource's tags from the cloud, past the rings.
   * @returns `undefined` if there is no such resource, `"unreadable"` if this service offers no way to ask.
   */
  read?(id: string, call: Call): Promise<Tags | undefined | "unreadable">;
}

/** One resource as the collector sees it. */
export interface InventoryItem extends SeenResource {
  readonly type: string;
  /** Unix milliseconds, where the cloud says when it was created. */
  readonly createdAt?: number;
}

/**
 * Hooks the guard into one family of clients, and knows that cloud's names, tags, limits and errors.
 * The conformance kit in `provider-guard/testing` checks everything said here.
 */
export interface Adapter<C extends object = object> {
  /** Unique name, e.g. `aws`. */
  readonly name: string;
  /** Which cloud the clients speak to; part of every limit's key. */
  readonly cloud: string;
  /** Whether this is a client of the adapter's family; anything else is refused with `ERR_ADAPTER_MISMATCH`. */
  accepts(client: object): boolean;
  /** Hooks both rings on the instance, or returns a stand-in; never patches a module. */
  attach(client: C, port: Port): Attachment<C>;
  classify(operation: string, service: string): Classification;
  /** Service, account and region of a client's calls where they are known, for `guard.explain`. */
  locate?(client: C): Partial<Omit<Target, "cloud">>;
  /** Reads an SDK error. Must not throw, whatever it is given. */
  errors(error: unknown): ErrorInfo;
  /** Reads a successful return of the wire: request id, status, remaining quota. Must not throw. */
  answer?(result: unknown): Answer;
  readonly tags?: TagSupport;
  /** The cloud's published throttle table, each rule with its source. */
  readonly limits?: readonly LimitRule[];
  /** Which parts of an operation's input may be recorded, and which are secret. */
  redaction?(operation: string, service: string): RedactionPolicy | undefined;
  /** Lists what exists, for the collector. */
  inventory?(client: C, signal?: AbortSignal): AsyncIterable<InventoryItem>;
}

/** What is constant for one operation of one wrapped client; computed once. */
export interface OperationProfile extends Classification {
  readonly service: string;
  readonly operation: string;
  /** One object per operation of a client, so that phases can key what they remember by it. */
  readonly target: Target;
}

/** A wrapped client: its adapter and what the user said when wrapping it. */
export interface Binding {
  readonly adapter: Adapter;
  /** The client as the user gave it. */
  readonly client: object;
  readonly credentials: CredentialLease | undefined;
  profile(service: string, operation: string, account: string, region: string): OperationProfile;
}
