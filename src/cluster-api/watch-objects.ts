import * as z from "zod";
import { abortable, onAbort } from "../core/abort.ts";
import { sleep, systemClock, type Timer } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { KubernetesObject } from "../core/kubernetes-object.ts";
import { backoffMs } from "./backoff.ts";
import { knownObjects, type ObjectChange } from "./known-objects.ts";
import { type Identified, isGone, isIdentified, listPages } from "./list-pages.ts";
import type { ObjectEvent, ObjectSource } from "./object-source.ts";
import { compareVersions } from "./resource-version.ts";
import { fn, tuningSchema, type WatchTuning, watchable } from "./watch-options.ts";

/** Options of {@link watchObjects}. */
export interface WatchObjectsOptions<T extends KubernetesObject = KubernetesObject> extends WatchTuning {
  readonly source: ObjectSource<T>;
  /** Sees each change, in order. Must not throw; what takes longer belongs into a queue. */
  readonly onChange: (change: ObjectChange<T>) => void;
}

/** Objects that are watched. */
export interface ObjectWatch {
  /** How many objects there are, as far as is known. */
  readonly size: number;
  /** Settles when everything that was there at the beginning has been told. Rejects when the watch is closed before. */
  synced(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Ends the watch; nothing is told afterwards. */
  close(): Promise<void>;
}

/** A watch that lived for so long, or told anything, was well: what fails next is a first failure. */
const steadyMs = 10_000;

/** After so many failures in a row the version itself is doubted, and everything is listed again. */
const maxFailures = 3;

const schema = z.strictObject({ source: watchable, onChange: fn, ...tuningSchema });

const unfit = (what: string) => new GuardError("ERR_LIST_INCOMPLETE", `watch: ${what}`, { retryable: true });

/**
 * Tells what becomes of all objects of one kind, each by its UID: it lists them, then watches from that
 * moment on. A watch that breaks goes on from the last version, after a pause; where that version is
 * gone (410) everything is listed again, and what was deleted meanwhile is told then. An object that was
 * deleted and made again under its name is a deletion and an addition. Each version is told at most
 * once. It remembers name and version of each object that exists, nothing else.
 *
 * It never gives up: a server that is down, a kind that does not exist, a token that is not accepted are
 * tried again, and told to `onError`.
 *
 * @param options - See {@link WatchObjectsOptions}.
 * @returns The watch; it does not keep the process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { type ObjectSource, watchObjects } from "provider-guard/cluster-api";
 * declare const machines: ObjectSource;
 * const watch = watchObjects({ source: machines, onChange: ({ type, ref }) => console.log(type, ref.name) });
 * await watch.synced();
 */
export function watchObjects<T extends KubernetesObject>(options: WatchObjectsOptions<T>): ObjectWatch {
  const { idleMs, random, pageSize, maxRestarts, ...bounds } = parseOptions(schema, options, "watchObjects");
  const { source, onChange, onError, clock = systemClock } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const known = knownObjects<T>((change) => guarded(() => onChange(change)));
  let markSynced = () => {};
  const synced = abortable(new Promise<void>((resolve) => (markSynced = resolve)), signal);
  synced.catch(() => {}); // whoever asks is told
  /** Everything up to here has been told; `undefined` asks for a list. */
  let version: string | undefined;
  let failures = 0;

  function guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      tell(error);
    }
  }

  function tell(error: unknown): void {
    try {
      onError?.(error);
    } catch {
      // a hook of the caller's must not end the watch
    }
  }

  async function relist(): Promise<string> {
    known.beginList();
    const sink = { item: (object: T & Identified) => known.put(object), restart: () => known.beginList() };
    const moment = await listPages(source, sink, { pageSize, maxRestarts, signal });
    known.endList();
    markSynced();
    return moment;
  }

  function apply({ type, object }: ObjectEvent<T>): void {
    if ((type as string) === "ERROR") throw Object.assign(new Error("watch: an error of the server"), object);
    const to = object?.metadata?.resourceVersion;
    if (type !== "BOOKMARK") {
      if (!isIdentified(object)) throw unfit("an event without metadata.uid or metadata.name");
      const isRepeated = version !== undefined && to !== undefined && (compareVersions(to, version) ?? 1) <= 0;
      if (isRepeated) return;
      if (type === "DELETED") known.remove(object);
      else known.put(object);
    }
    if (to !== undefined && to !== "" && (compareVersions(to, version ?? to) ?? 0) >= 0) version = to;
  }

  /** One watch, until it ends. */
  async function follow(from: string, onWell: () => void): Promise<void> {
    const attempt = new AbortController();
    const endWithAll = onAbort(signal, () => attempt.abort(signal.reason));
    let heardAt = clock.monotonic();
    const wellAt = heardAt + steadyMs;
    const check = () => {
      const leftMs = heardAt + idleMs - clock.monotonic();
      if (leftMs > 0) timer = clock.setTimeout(check, leftMs);
      else attempt.abort(unfit(`nothing heard for ${idleMs} ms`));
    };
    let timer: Timer = clock.setTimeout(check, idleMs);
    const hear = (event: ObjectEvent<T>) => {
      if (attempt.signal.aborted) return;
      heardAt = clock.monotonic();
      onWell();
      try {
        apply(event);
      } catch (error) {
        attempt.abort(error);
      }
    };
    try {
      await abortable(source.watch({ resourceVersion: from, signal: attempt.signal }, hear), attempt.signal);
    } finally {
      if (clock.monotonic() >= wellAt) onWell();
      endWithAll();
      timer.cancel();
      attempt.abort(new Error("this watch has ended")); // whatever it still says is heard by nobody
    }
  }

  /** Lists if need be and watches until that ends. @returns How long to pause. */
  async function once(): Promise<number> {
    const fresh = version === undefined;
    let well = false;
    try {
      version ??= await relist();
      await follow(version, () => {
        well = true;
      });
      failures = well ? 0 : failures + 1;
      return failures === 0 ? 0 : backoffMs(failures, undefined, bounds, random);
    } catch (error) {
      signal.throwIfAborted();
      failures = well ? 1 : failures + 1;
      const stale = isGone(error) || (error instanceof GuardError && error.code === "ERR_LIST_INCOMPLETE");
      // A version that a server of another history has not reached yet fails in other ways than by 410.
      if (stale || failures >= maxFailures) version = undefined;
      if (fresh || !isGone(error)) tell(error); // an old version is gone as a matter of course
      return backoffMs(failures, error, bounds, random);
    }
  }

  async function run(): Promise<void> {
    try {
      for (;;) {
        const pauseMs = await once();
        if (pauseMs > 0) await sleep(clock, pauseMs, signal);
        signal.throwIfAborted();
      }
    } catch (error) {
      if (!signal.aborted) tell(error);
    }
  }

  const listenNoMore = onAbort(options.signal, () => closing.abort(options.signal?.reason));
  if (options.signal?.aborted) closing.abort(options.signal.reason);
  const running = Promise.resolve()
    .then(() => (signal.aborted ? undefined : run()))
    .finally(listenNoMore);

  return {
    get size() {
      return known.size;
    },
    synced({ signal: waiting } = {}) {
      return abortable(synced, waiting);
    },
    async close() {
      closing.abort(new Error("the watch is closed"));
      await running;
    },
  };
}
