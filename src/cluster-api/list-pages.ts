import { abortable } from "../core/abort.ts";
import { readErrorInfo } from "../core/error-info.ts";
import { GuardError } from "../core/errors.ts";
import type { KubernetesObject } from "../core/kubernetes-object.ts";
import type { ObjectPage, ObjectSource } from "./object-source.ts";

/** Options of {@link listPages}. */
export interface ListOptions {
  readonly pageSize: number;
  /** How often to begin again after a 410 in mid-list. */
  readonly maxRestarts: number;
  readonly signal: AbortSignal;
}

/** The sink of one list: `restart` says that what was seen so far may be in the list that begins now again, or not. */
export interface ListSink<T extends KubernetesObject> {
  item(object: T & Identified): void;
  restart(): void;
}

/** An object that says which one it is. */
export interface Identified {
  readonly metadata: NonNullable<KubernetesObject["metadata"]> & { readonly uid: string; readonly name: string };
}

/** Whether only a new list helps: the version or the page has been compacted away. */
export const isGone = (error: unknown): boolean => readErrorInfo(error).status === 410;

const incomplete = (message: string, retryable = true) => new GuardError("ERR_LIST_INCOMPLETE", message, { retryable });

/** Names are used again, UIDs never: an object without one cannot be told from its successor. */
export function isIdentified<T extends KubernetesObject>(object: T | undefined): object is T & Identified {
  const { uid, name } = object?.metadata ?? {};
  return typeof uid === "string" && uid !== "" && typeof name === "string" && name !== "";
}

function checkPage<T extends KubernetesObject>(page: ObjectPage<T>): ObjectPage<T> {
  if (!Array.isArray(page?.items)) throw incomplete("list: a page without items");
  const { resourceVersion } = page.metadata ?? {};
  if (typeof resourceVersion !== "string" || resourceVersion === "" || resourceVersion === "0") {
    throw incomplete("list: a page that does not say which moment it shows");
  }
  return page;
}

/**
 * Lists everything, page by page. A list is one moment: pages of two moments, a page asked for twice or
 * an item twice mean that it is none.
 *
 * @returns The moment's `resourceVersion`, after the last item.
 * @throws {@link GuardError} `ERR_LIST_INCOMPLETE` (retryable): the pages do not make one list.
 * @throws What a page failed with; `signal.reason`.
 */
export async function listPages<T extends KubernetesObject>(
  source: ObjectSource<T>,
  sink: ListSink<T>,
  { pageSize, maxRestarts, signal }: ListOptions,
): Promise<string> {
  for (let restarts = 0; ; restarts++) {
    try {
      return await listOnce(source, sink, pageSize, signal);
    } catch (error) {
      if (!isGone(error) || restarts >= maxRestarts) throw error;
      sink.restart();
    }
  }
}

async function listOnce<T extends KubernetesObject>(
  source: ObjectSource<T>,
  sink: ListSink<T>,
  limit: number,
  signal: AbortSignal,
): Promise<string> {
  let moment: string | undefined;
  const asked = new Set<string>();
  for (let next: string | undefined; ; ) {
    signal.throwIfAborted();
    const options = { limit, signal, ...(next === undefined ? {} : { continue: next }) };
    const { items, metadata } = checkPage(await abortable(source.list(options), signal));
    moment ??= metadata.resourceVersion;
    if (metadata.resourceVersion !== moment) throw incomplete("list: pages of two moments");
    for (const item of items) {
      if (!isIdentified(item)) throw incomplete("list: an item without metadata.uid or metadata.name", false);
      sink.item(item);
    }
    next = metadata.continue;
    if (next === undefined || next === "") return moment;
    if (asked.has(next)) throw incomplete("list: a page that leads back to itself");
    asked.add(next);
  }
}
