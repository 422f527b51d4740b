import type { MeterProvider } from "@opentelemetry/api";
import type { Clock } from "../core/clock.ts";
import type { Principal } from "../core/owner.ts";
import type { Judgement } from "./classify.ts";
import type { GarbageInventory, GarbageItem } from "./inventory.ts";
import type { GarbageMarks, Mark } from "./marks.ts";
import type { OwnerSource } from "./owners.ts";
import type { GarbagePlan, PlanEntry, TrippedBreaker } from "./plan.ts";
import type { GarbagePolicy } from "./policy.ts";
import type { GarbageProgress } from "./progress.ts";
import type { BreakerRecord, Tally, TypeRecord } from "./records.ts";
import type { GarbageSweep } from "./sweep.ts";

/** Options of {@link garbageCollector}. */
export interface GarbageCollectorOptions {
  /** Whose resources these are: the guard's own owner. */
  readonly owner: Pick<Principal, "provider">;
  /** What exists. */
  readonly inventory: GarbageInventory | readonly GarbageInventory[];
  /** Who lives: `clusterOwners`, `callbackOwners`, or one of these for each of several management clusters. */
  readonly owners: OwnerSource | readonly OwnerSource[];
  /** Where the clocks are kept: `stateMarks` or `tagMarks`. */
  readonly marks: GarbageMarks;
  readonly policy: GarbagePolicy;
  /** The guard whose audit log names each deletion with its reason, before it happens. @defaultValue none */
  readonly guard?: object;
  /** Asked before every write and every deletion, e.g. `leaseElector`; it throws where another replica leads. @defaultValue the lock in the marks' store alone */
  readonly leader?: { check(): unknown };
  /** Told of each deletion before it happens; where it rejects nothing is deleted. Deletion waits for `policy.noticeMs` from then on. */
  readonly notify?: (entry: PlanEntry, options: { readonly signal: AbortSignal }) => void | Promise<void>;
  readonly onProgress?: (progress: GarbageProgress) => void;
  /** Sees what did not stop the work: a mark that could not be shown in the cloud. */
  readonly onError?: (error: unknown) => void;
  /** Keeps several collectors on one store apart. @defaultValue `default` */
  readonly name?: string;
  /** Deletions at a time, within the guard's own rate limit. @defaultValue 4 */
  readonly concurrency?: number;
  /** Milliseconds to wait between two tries of what something still depends on. @defaultValue 1 s, 5 s, 15 s, 30 s */
  readonly retryMs?: readonly number[];
  /** How old the owners may be at a deletion, in milliseconds. @defaultValue 30000 */
  readonly maxOwnersAgeMs?: number;
  /** Milliseconds after which the lock of a process that died is free. @defaultValue 60000 */
  readonly lockMs?: number;
  /** @defaultValue the globally registered provider */
  readonly meterProvider?: MeterProvider;
  readonly clock?: Clock;
}

/** What every method takes. */
export interface GarbageRunOptions {
  readonly signal?: AbortSignal;
  /** Writes and deletes nothing, and says what it would have done. @defaultValue false */
  readonly dryRun?: boolean;
  /** Told of this run's progress, beside the collector's own listener. */
  readonly onProgress?: (progress: GarbageProgress) => void;
}

/** How one pass ended. */
export interface GarbageScan {
  /** Types that were seen whole: their marks count. */
  readonly complete: readonly { readonly scope: string; readonly type: string; readonly tally: Tally }[];
  /** Types that were not: nothing of them advanced. */
  readonly incomplete: readonly {
    readonly scope: string;
    readonly type: string;
    readonly code: string;
    readonly error: unknown;
  }[];
}

/** What is known of one type. */
export interface GarbageTypeStatus {
  readonly scope: string;
  readonly type: string;
  readonly record: TypeRecord;
  readonly breaker: BreakerRecord;
  readonly marked: number;
  readonly stuck: number;
  /** Unix milliseconds since when the oldest has no owner. */
  readonly oldestAt?: number;
}

/** Everything that speaks for or against one resource. */
export interface GarbageExplanation {
  readonly scope: string;
  readonly type: string;
  /** As the cloud shows it now; `undefined` where it is gone. */
  readonly item?: GarbageItem;
  readonly judgement?: Judgement;
  readonly mark?: Mark;
  /** What a plan would say. */
  readonly entry?: Omit<PlanEntry, "scope" | "type" | "id">;
  readonly breaker?: TrippedBreaker;
}

/** What may be named for a person's decision. */
export interface GarbageSaying {
  readonly by: string;
  readonly reason: string;
}

/** Finds what a provider made and nobody owns any more, and deletes it as its policy says. */
export interface GarbageCollector {
  /**
   * One streaming pass over everything: observes, marks, unmarks. It deletes nothing.
   * @throws {@link GuardError} `ERR_OWNERS_SUSPECT`, `ERR_LIST_INCOMPLETE`: the owners are not to be believed, nothing
   *   was marked. `ERR_COLLECTOR_BUSY`, `ERR_COLLECTOR_LOST`, `ERR_STATE_UNAVAILABLE`; what the owners failed with; `signal.reason`.
   */
  scan(options?: GarbageRunOptions): Promise<GarbageScan>;
  /** What would be deleted now. @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`; `signal.reason`. */
  plan(options?: { readonly signal?: AbortSignal; readonly maxEntries?: number }): Promise<GarbagePlan>;
  /** The same for every marked resource, one after the other and in constant memory. */
  decisions(options?: { readonly signal?: AbortSignal }): AsyncIterable<PlanEntry>;
  /**
   * Deletes what a plan says, each once more judged live.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`: another collector's plan. `ERR_FREEZE_ACTIVE`, `ERR_LEADER_LOST`,
   *   `ERR_AUDIT_UNAVAILABLE`, or as `scan`: nothing further was deleted.
   */
  sweep(plan: GarbagePlan, options?: GarbageRunOptions): Promise<GarbageSweep>;
  status(options?: { readonly signal?: AbortSignal }): Promise<readonly GarbageTypeStatus[]>;
  /** Says why one resource would be deleted, or not: it is read live. One of each type with this id. */
  explain(id: string, options?: { readonly signal?: AbortSignal }): Promise<readonly GarbageExplanation[]>;
  /**
   * Unlatches a breaker, and accepts as many deletions within its window as it was tripped by. Without a place,
   * what the owners refused is accepted, too.
   * @returns The breakers that were latched.
   */
  acknowledge(
    saying: GarbageSaying & { readonly scope?: string; readonly type?: string; readonly owners?: boolean },
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly TrippedBreaker[]>;
  /** Takes marks away: their grace begins anew. @returns Whether there was one. */
  unmark(id: string, saying: GarbageSaying, options?: { readonly signal?: AbortSignal }): Promise<boolean>;
  /** Ends its metrics. */
  close(): void;
}
