import type { TagCodec, Tags } from "../core/tags.ts";

/** One resource as an inventory shows it. */
export interface GarbageItem {
  /** Immutable, never used again. */
  readonly id: string;
  readonly type: string;
  /** All of its tags. `"unknown"` where they could not be read: such a resource is never judged. */
  readonly tags: Tags | "unknown";
  /** Unix milliseconds, where the cloud says when it was created. */
  readonly createdAt?: number;
  /** What changes when it is replaced or changed, for a deletion that is conditional, e.g. an etag or resourceVersion. */
  readonly version?: string;
  /** For people. */
  readonly name?: string;
  /** Why the cloud itself keeps it, e.g. `termination protection`: it is treated as protected. */
  readonly protectedBy?: string;
}

/** One page of a list. */
export interface GarbagePage {
  readonly items: readonly GarbageItem[];
  /** Where the list goes on; a pass that was cut off begins there again. */
  readonly next?: string;
}

/** One type of resources. */
export interface GarbageType {
  readonly name: string;
  /** Whether it holds data: it is only marked unless the policy says `delete` for this very type. */
  readonly holdsData: boolean;
  /** Types whose resources have to be gone before one of this type can be deleted, e.g. instances before security groups. */
  readonly after?: readonly string[];
}

/** How the deletion of one resource ended: it may go on in the cloud. */
export type Removal = "deleted" | "deleting" | "gone";

/** What can be done with one resource. */
export interface GarbageRequest {
  readonly signal: AbortSignal;
}

/**
 * What exists in one account and region, and how to delete it. Its calls go through a guarded client, so
 * that limits, audit and freeze apply. Every method rejects with what the client failed with.
 */
export interface GarbageInventory {
  /** Cloud, account and region: budgets and marks are kept by it, e.g. `aws/123456789012/eu-central-1`. */
  readonly scope: string;
  readonly types: readonly GarbageType[];
  /** Reads owner tags. */
  readonly codec: TagCodec;
  /**
   * Lists all resources of a type, page by page, newest state. Must reject where a page is missing, and
   * give `"unknown"` for tags that could not be read: what is left out counts as gone.
   * @param options.from - The `next` of an earlier page.
   */
  list(type: string, options: GarbageRequest & { readonly from?: string }): AsyncIterable<GarbagePage>;
  /**
   * Reads one resource, live and whole.
   * @returns `undefined` only where the cloud says that there is none, or that it is being deleted.
   */
  read(item: { readonly type: string; readonly id: string }, options: GarbageRequest): Promise<GarbageItem | undefined>;
  /** Deletes exactly this one, if it is still as given where the cloud has conditional deletions. */
  delete(item: GarbageItem, options: GarbageRequest): Promise<Removal>;
  /**
   * Writes (or, with `undefined`, takes away) one tag, for `tagMarks`.
   * @throws What the client failed with.
   */
  tag?(item: GarbageItem, key: string, value: string | undefined, options: GarbageRequest): Promise<void>;
}

/** Types in an order in which every one comes after those it waits for. @throws `RangeError` for a circle. */
export function deletionOrder(types: readonly GarbageType[]): readonly string[] {
  const known = new Map(types.map((type) => [type.name, type]));
  const order: string[] = [];
  const visiting = new Set<string>();
  function visit(type: GarbageType): void {
    if (order.includes(type.name)) return;
    if (visiting.has(type.name)) throw new RangeError(`${type.name} waits for itself`);
    visiting.add(type.name);
    for (const name of type.after ?? []) {
      const earlier = known.get(name);
      if (earlier !== undefined) visit(earlier);
    }
    order.push(type.name);
  }
  for (const type of types) visit(type);
  return order;
}
