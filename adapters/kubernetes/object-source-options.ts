import * as z from "zod";
import type { Clock, Random } from "../../src/core/clock.ts";

/** What client-node's `Watch` is used for; a guarded one fits as well. */
export interface WatchApi {
  watch(
    path: string,
    queryParams: Record<string, string | number | boolean | undefined>,
    callback: (phase: string, apiObj: unknown) => void,
    done: (error: unknown) => void,
  ): Promise<AbortController>;
}

/** What is asked for with each page of a list, in client-node's names. */
export interface ListRequest {
  readonly limit?: number;
  readonly _continue?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** What client-node's `CustomObjectsApi` is used for; a guarded one fits as well. */
export interface CustomObjectsListApi {
  listClusterCustomObject(
    request: ListRequest & { readonly group: string; readonly version: string; readonly plural: string },
    options?: object,
  ): Promise<unknown>;
  listNamespacedCustomObject(
    request: ListRequest & {
      readonly group: string;
      readonly version: string;
      readonly plural: string;
      readonly namespace: string;
    },
    options?: object,
  ): Promise<unknown>;
}

/** Lists one page, e.g. `(request, options) => core.listSecretForAllNamespaces(request, options)`. */
export type ListPage = (request: ListRequest, options: object) => Promise<unknown>;

/** Options of {@link objectSource}. */
export interface ObjectSourceOptions {
  /** client-node's `Watch`, guarded or not. */
  readonly watch: WatchApi;
  /**
   * What lists: client-node's `CustomObjectsApi`, which knows every group but the core one, or a
   * function for any kind. Guarded or not.
   */
  readonly list: CustomObjectsListApi | ListPage;
  /** E.g. `cluster.x-k8s.io`. @defaultValue `""`, the core group */
  readonly group?: string;
  /** E.g. `v1beta2`. */
  readonly version: string;
  /** In lower case, e.g. `machines`. */
  readonly plural: string;
  /** @defaultValue all namespaces, or none where the kind has none */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /**
   * Milliseconds without a sign of life, bookmarks included, after which a watch is taken for dead. The
   * server sends a bookmark about once a minute. @defaultValue 150000
   */
  readonly silenceMs?: number;
  /**
   * Milliseconds after which the server is asked to end each watch, so that replicas are spread anew;
   * each is given up to twice as much. @defaultValue 300000
   */
  readonly watchMs?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue cryptographically strong randomness */
  readonly random?: Random;
}

const segment = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, "expected a name in lower case");
const longestMs = 2 ** 31 - 1;

/** Parts of a path must not lead elsewhere. */
export const objectSourceSchema = z.strictObject({
  watch: z.custom<WatchApi>((value) => typeof Object(value).watch === "function", "expected client-node's Watch"),
  list: z.custom<CustomObjectsListApi | ListPage>(
    (value) => typeof value === "function" || typeof Object(value).listClusterCustomObject === "function",
    "expected client-node's CustomObjectsApi, or a function",
  ),
  group: z.union([segment, z.literal("")]).default(""),
  version: segment,
  plural: segment,
  namespace: segment.optional(),
  labelSelector: z.string().optional(),
  fieldSelector: z.string().optional(),
  silenceMs: z.number().min(1_000).max(longestMs).default(150_000),
  watchMs: z.number().min(1_000).max(longestMs).default(300_000),
  clock: z.custom<Clock>().optional(),
  random: z.custom<Random>().optional(),
});
