import type { KubernetesObject, ObjectEvent, ObjectPage, ObjectSource } from "provider-guard/cluster-api";

/** A Machine as far as the tests go. */
export interface ModelObject extends KubernetesObject {
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

type Listener = { readonly send: (event: ObjectEvent<ModelObject>) => void; readonly end: (error?: unknown) => void };

export const gone = () => Object.assign(new Error("too old resource version"), { code: 410 });
export const refused = () => Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

/**
 * What an API server does with one kind of object, as far as a reader can tell: versions that only rise,
 * lists in pages of one moment, watches from a version on, and compaction, which makes old versions and
 * pages 410. UIDs are never used twice. Answers come in the next turn.
 */
export function modelServer() {
  let version = 100;
  let uids = 0;
  let compacted = 0;
  let tokens = 0;
  const objects = new Map<string, ModelObject>();
  const history: { readonly version: number; readonly event: ObjectEvent<ModelObject> }[] = [];
  const pages = new Map<string, { readonly version: number; readonly rest: readonly ModelObject[] }>();
  const watches = new Set<Listener>();
  const calls: { readonly what: "list" | "page" | "watch"; readonly from?: string }[] = [];
  /** Errors that the next calls fail with, in turn. */
  const failures: unknown[] = [];
  let down: (() => unknown) | undefined;
  let repeats = 0;

  function publish(type: "ADDED" | "MODIFIED" | "DELETED", object: ModelObject): void {
    const event = { type, object };
    history.push({ version, event });
    for (const watch of watches) watch.send(event);
  }

  function write(type: "ADDED" | "MODIFIED" | "DELETED", name: string, object: ModelObject): ModelObject {
    version++;
    const written = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    if (type === "DELETED") objects.delete(name);
    else objects.set(name, written);
    publish(type, written);
    return written;
  }

  async function answer(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    if (failures.length > 0) throw failures.shift();
    if (down !== undefined) throw down();
  }

  function page(rest: readonly ModelObject[], moment: number, limit: number): ObjectPage<ModelObject> {
    const following = rest.slice(limit);
    const metadata = { resourceVersion: String(moment) };
    if (following.length === 0) return { items: rest, metadata };
    const token = `page-${++tokens}`;
    pages.set(token, { version: moment, rest: following });
    return { items: rest.slice(0, limit), metadata: { ...metadata, continue: token } };
  }

  const source: ObjectSource<ModelObject> = {
    async list({ limit = 500, continue: token, signal }) {
      calls.push({ what: token === undefined ? "list" : "page" });
      await answer(signal);
      if (token === undefined) return page([...objects.values()], version, limit);
      const found = pages.get(token);
      if (found === undefined || found.version < compacted) throw gone();
      return page(found.rest, found.version, limit);
    },
    async watch({ resourceVersion, signal }, onEvent) {
      calls.push({ what: "watch", from: resourceVersion });
      await answer(signal);
      const from = Number(resourceVersion);
      if (from < compacted) throw gone();
      const known = history.filter((one) => one.version > from).length;
      for (const { event } of history.slice(history.length - Math.min(history.length, known + repeats))) onEvent(event);
      await new Promise<void>((resolve, reject) => {
        const watch: Listener = {
          send: onEvent,
          end(error) {
            watches.delete(watch);
            if (error === undefined) resolve();
            else reject(error);
          },
        };
        watches.add(watch);
        signal.addEventListener("abort", () => watch.end(signal.reason), { once: true });
      });
    },
  };

  return {
    source,
    calls,
    failures,
    /** Everything that ever happened. */
    history,
    objects,
    get watching() {
      return watches.size;
    },
    create(name: string, object: ModelObject = {}) {
      const metadata = { namespace: "team", ...object.metadata, name, uid: `uid-${++uids}` };
      return write("ADDED", name, { ...object, metadata });
    },
    update(name: string, change: (object: ModelObject) => ModelObject) {
      const before = objects.get(name);
      return before === undefined ? undefined : write("MODIFIED", name, change(before));
    },
    delete(name: string) {
      const before = objects.get(name);
      return before === undefined ? undefined : write("DELETED", name, before);
    },
    bookmark() {
      const object = { metadata: { resourceVersion: String(version) } };
      for (const watch of watches) watch.send({ type: "BOOKMARK", object });
    },
    /** Forgets history, as etcd's compaction does; watches that are open go on. */
    compact() {
      compacted = version;
    },
    /** Ends all watches, in good order or with an error. */
    disconnect(error?: unknown) {
      for (const watch of [...watches]) watch.end(error);
    },
    /** Refuses everything until it is up again. */
    stop(error: () => unknown = refused) {
      down = error;
      for (const watch of [...watches]) watch.end(error());
    },
    start() {
      down = undefined;
    },
    /** Has each watch begin with this many events that were sent before. */
    repeat(count: number) {
      repeats = count;
    },
    /** Begins with another history, as after a restore from an old copy. */
    restore(at: number) {
      version = at;
      history.splice(0, history.length, ...history.filter((one) => one.version <= at));
    },
  };
}

export type ModelServer = ReturnType<typeof modelServer>;
