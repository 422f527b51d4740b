import type { KubernetesObject } from "../core/kubernetes-object.ts";

/** One page of a list. All pages that follow from one first page show the same moment. */
export interface ObjectPage<T extends KubernetesObject> {
  readonly items: readonly T[];
  readonly metadata: {
    /** The moment that the list shows; a watch goes on from there. */
    readonly resourceVersion: string;
    /** Asks for the next page; absent or empty on the last one. */
    readonly continue?: string;
    /** How many follow, where the server says so. */
    readonly remainingItemCount?: number;
  };
}

/** What happened to one object. */
export interface ObjectEvent<T extends KubernetesObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** As it is now, or as it last was; a bookmark has nothing but its `resourceVersion`. */
  readonly object: T;
}

/**
 * Lists and watches one kind of object in one namespace or in all.
 * An error of the server has its HTTP status as `status`, `statusCode` or `code`: 410 means that the
 * version, or the page, is gone and that only a new list helps.
 */
export interface ObjectSource<T extends KubernetesObject = KubernetesObject> {
  /** Without a `continue` it shows the newest state, not a cache's. */
  list(options: {
    readonly limit?: number;
    readonly continue?: string;
    readonly signal?: AbortSignal;
  }): Promise<ObjectPage<T>>;
  /**
   * Follows what happens after a version, bookmarks included, in the order in which it happened.
   * @returns When the server ends the watch in good order, as it does every few minutes.
   * @throws What broke it; `signal.reason` when aborted.
   */
  watch(
    options: { readonly resourceVersion: string; readonly signal: AbortSignal },
    onEvent: (event: ObjectEvent<T>) => void,
  ): Promise<void>;
}
