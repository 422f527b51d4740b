import type { CircuitView, CloseCircuitOptions, OpenCircuitOptions } from "./circuit-breaker/circuits.ts";
import type { Adapter, CallDraft } from "./core/adapter.ts";
import type { CredentialLease } from "./core/credential.ts";
import type { PipelineView } from "./core/explain.ts";
import type { OpenIntent } from "./core/journal.ts";
import type { ManualOptions } from "./core/manual.ts";
import type { Owner, SubjectObjects } from "./core/owner.ts";
import type { Target } from "./core/target.ts";
import type { Freeze, FreezeOptions, ThawOptions } from "./emergency-stop/stops.ts";
import type { QuotaView } from "./quota/budget-ledgers.ts";
import type { InventoryCount } from "./quota/budgets.ts";
import type { LimitView } from "./rate-limit/view.ts";

/** Options of {@link Guard.wrap}. */
export interface WrapOptions {
  /** A lease that keeps this client's credential fresh; see `credentialLease`. @defaultValue the client's own credentials */
  readonly credentials?: CredentialLease;
}

/** Options of {@link Guard.reconcile} and {@link Guard.manual}. */
export interface ReconcileOptions {
  /** Ends every wait of the calls inside. */
  readonly signal?: AbortSignal;
  /**
   * How soon calls inside get a token of the rate limit: 0 to 9, higher first.
   * @defaultValue by what each call does: writes for a machine 6, other writes 5, reads 4, deletions 2
   */
  readonly priority?: number;
  /**
   * How long a call inside may wait, in milliseconds from now: a wait that cannot end in time is
   * refused at once. @defaultValue no end but the rate limit's own `maxWaitMs`
   */
  readonly timeoutMs?: number;
}

/** A call to ask {@link Guard.explain} about; it is not made. */
export interface CallQuestion extends Omit<CallDraft, "service" | "signal"> {
  /** A client that this guard wrapped. */
  readonly client: object;
  /** @defaultValue the client's, where the adapter knows it, else the adapter's cloud */
  readonly service?: string;
  /** @defaultValue whoever `guard.reconcile` around the question names */
  readonly owner?: SubjectObjects;
}

/** One guard per controller process: configuration, pipeline and shared state. */
export interface Guard extends AsyncDisposable {
  /**
   * Hooks the guard into a client. Wrapping it again changes nothing.
   *
   * @returns The client, of the same type: the same instance where it can be hooked, else a stand-in to use from now on.
   * @throws {@link GuardError} `ERR_ADAPTER_MISMATCH`, `ERR_GUARD_ALREADY_WRAPPED` (by another guard), `ERR_GUARD_CLOSED`.
   */
  wrap<T extends C, C extends object>(client: T, adapter: Adapter<C>, options?: WrapOptions): T;
  /** Takes the hooks out again, and returns the client as it was given. A client that is not wrapped comes back as it is. */
  unwrap<T extends object>(client: T): T;
  /**
   * Runs `fn` on behalf of a cluster (and machine): every guarded call inside belongs to them.
   *
   * @throws {@link GuardError} `ERR_OWNER_INVALID`, naming the path; whatever `fn` throws.
   */
  reconcile<R>(subject: SubjectObjects, fn: () => R | PromiseLike<R>, options?: ReconcileOptions): Promise<R>;
  /**
   * Runs `fn` on behalf of a person: every guarded call inside passes the same phases as the
   * controller's own, and its record names them. What it creates belongs to the cluster given, or to
   * that of the reconcile around; a reconcile inside stays theirs.
   *
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, `ERR_OWNER_INVALID`, naming the path; whatever `fn` throws.
   */
  manual<R>(operation: ManualOptions, fn: () => R | PromiseLike<R>, options?: ReconcileOptions): Promise<R>;
  /**
   * Whom a call made here belongs to: the cluster (and machine) of the reconcile or manual operation
   * around, or the controller alone outside of any. A codec makes tags of it, to take a resource over.
   */
  owner(): Owner;
  /**
   * The emergency stop: mutating calls are refused, those that wait as well. Reads go on, and so does
   * what only takes away access or a secret. In force here at once, and in every replica on the same
   * state store within a second.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_GUARD_CLOSED`; `ERR_STATE_UNAVAILABLE`: it
   *   could not be kept. It is in force in this process all the same, and keeping it is tried until it succeeds.
   */
  freeze(options: FreezeOptions): Promise<void>;
  /**
   * Ends the emergency stop of one scope, everywhere.
   * @returns Whether there was one.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_GUARD_CLOSED`; `ERR_STATE_UNAVAILABLE`: it
   *   stays in force.
   */
  thaw(options: ThawOptions): Promise<boolean>;
  /** The emergency stops in force, whoever set them. */
  readonly frozen: readonly Freeze[];
  /** The circuits that are known, as they are now; a service without one has a closed circuit. Empty where the breaker is turned off. */
  circuits(): readonly CircuitView[];
  /**
   * Opens a circuit by hand: nothing gets through, not even a trial, until it is closed by hand. In
   * force here at once, and in every replica on the same state store within a second.
   *
   * @param circuit - The key that {@link Guard.circuits} shows, or where the calls go to.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`: it could not be
   *   kept. It is open in this process all the same, and keeping it is tried until it succeeds.
   */
  openCircuit(circuit: string | Target, options: OpenCircuitOptions): Promise<void>;
  /**
   * Closes a circuit everywhere, whatever opened it, and forgets its failures.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`: it stays as it is.
   */
  closeCircuit(circuit: string | Target, options: CloseCircuitOptions): Promise<void>;
  /** The rate limit's buckets as they are now: what is left, what was learned, who waits. Empty where the limit is turned off. */
  limits(): readonly LimitView[];
  /**
   * The quotas' buckets as the state store has them, with what this process has settled so far.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`; `signal.reason`.
   */
  quotas(options?: { readonly signal?: AbortSignal }): Promise<readonly QuotaView[]>;
  /**
   * Says how much there is, for an inventory budget: the collector's count, or your own. What calls
   * have changed since the count began is added to it. A count that began before the one in force
   * changes nothing.
   *
   * @returns The bucket afterwards.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`; `signal.reason`.
   */
  countInventory(counted: InventoryCount): Promise<QuotaView>;
  /**
   * What earlier processes asked for and got no clear answer to, oldest first: it may exist. Look for a
   * resource whose intent tag is `call` (or `token`, where that intent resumed an earlier one) before
   * making another. An intent leaves the list when a resumed call settles it; empty without an audit log.
   */
  unfinished(): readonly OpenIntent[];
  /** Describes the pipeline; `String(guard.explain())` is a table for people. */
  explain(): PipelineView;
  /** Says what each phase would do with a call, without making it. */
  explain(call: CallQuestion): PipelineView;
  /**
   * Takes no further calls, waits for those in flight, and lets go of files and timers.
   * @param options.signal - Stops waiting for calls that are still queued.
   */
  close(options?: { readonly signal?: AbortSignal }): Promise<void>;
}
