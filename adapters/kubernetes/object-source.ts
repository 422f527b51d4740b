import type { ObjectPage, ObjectSource } from "../../src/cluster-api/object-source.ts";
import { abortable } from "../../src/core/abort.ts";
import { systemClock } from "../../src/core/clock.ts";
import { parseOptions } from "../../src/core/config.ts";
import { systemRandom } from "../../src/core/id.ts";
import type { KubernetesObject } from "../../src/core/kubernetes-object.ts";
import { callOptions } from "./api-call.ts";
import { type ListPage, type ObjectSourceOptions, objectSourceSchema } from "./object-source-options.ts";
import { runWatch } from "./object-source-watch.ts";

export type {
  CustomObjectsListApi,
  ListPage,
  ListRequest,
  ObjectSourceOptions,
  WatchApi,
} from "./object-source-options.ts";

/** A list as it comes from the server, or as client-node's typed classes read it. */
interface RawList {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly items?: unknown;
  readonly metadata?: {
    readonly resourceVersion?: unknown;
    readonly continue?: string;
    readonly _continue?: string;
    readonly remainingItemCount?: number;
  };
}

/** Items of built-in kinds name neither version nor kind; the list does. */
function pageOf<T extends KubernetesObject>(list: RawList, path: string): ObjectPage<T> {
  const { apiVersion, kind, items, metadata } = Object(list) as RawList;
  const resourceVersion = metadata?.resourceVersion;
  if (!Array.isArray(items) || typeof resourceVersion !== "string") {
    throw new Error(`list of ${path}: the server sent something that is no list`);
  }
  const { remainingItemCount } = metadata ?? {};
  const next = metadata?.continue ?? metadata?._continue;
  const type =
    typeof apiVersion === "string" && typeof kind === "string" ? { apiVersion, kind: kind.replace(/List$/, "") } : {};
  return {
    items: items.map((item: T) => (item?.kind === undefined ? { ...item, ...type } : item)),
    metadata: {
      resourceVersion,
      ...(next !== undefined && { continue: next }),
      ...(remainingItemCount !== undefined && { remainingItemCount }),
    },
  };
}

/**
 * Lists and watches one kind of object through client-node: pages, bookmarks, errors of the server as
 * errors, and an end for a watch that went silent. Calls pass the guard where the clients are guarded.
 * Errors of the clients pass through as they are; 410 asks for a new list.
 *
 * @param options - See {@link ObjectSourceOptions}.
 * @returns A source for the helpers of `provider-guard/cluster-api`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { CustomObjectsApi, KubeConfig, Watch } from "@kubernetes/client-node";
 * import { objectSource } from "provider-guard/kubernetes";
 * const config = new KubeConfig();
 * config.loadFromDefault();
 * const machines = objectSource({
 *   watch: new Watch(config),
 *   list: config.makeApiClient(CustomObjectsApi),
 *   group: "cluster.x-k8s.io",
 *   version: "v1beta2",
 *   plural: "machines",
 * });
 */
export function objectSource<T extends KubernetesObject = KubernetesObject>(
  options: ObjectSourceOptions,
): ObjectSource<T> {
  const settings = parseOptions(objectSourceSchema, options, "objectSource");
  const { watch, list, group, version, plural, namespace, labelSelector, fieldSelector } = settings;
  const { silenceMs, watchMs, clock = systemClock, random = systemRandom } = settings;
  const place = namespace === undefined ? plural : `namespaces/${namespace}/${plural}`;
  const path = group === "" ? `/api/${version}/${place}` : `/apis/${group}/${version}/${place}`;
  const selectors = {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
  const kind = { group, version, plural };
  const listPage: ListPage =
    typeof list === "function"
      ? list
      : (request, call) =>
          namespace === undefined
            ? list.listClusterCustomObject({ ...kind, ...request }, call)
            : list.listNamespacedCustomObject({ ...kind, ...request, namespace }, call);
  return {
    async list({ limit, continue: next, signal }) {
      signal?.throwIfAborted();
      const request = {
        ...selectors,
        ...(limit !== undefined && { limit }),
        ...(next !== undefined && { _continue: next }),
      };
      const asked = listPage(request, callOptions({ signal }));
      return pageOf<T>((await abortable(asked, signal)) as RawList, path);
    },
    watch({ resourceVersion, signal }, onEvent) {
      const query = {
        ...selectors,
        resourceVersion,
        allowWatchBookmarks: true,
        timeoutSeconds: Math.ceil((watchMs * (1 + random())) / 1000),
      };
      return runWatch<T>({ api: watch, path, query, silenceMs, clock, signal, onEvent });
    },
  };
}
