import { hostname } from "node:os";
import * as z from "zod";
import { conditionFrom } from "../../src/cluster-api/condition.ts";
import type { Call } from "../../src/core/call.ts";
import { type Clock, type Random, systemClock } from "../../src/core/clock.ts";
import { parseOptions } from "../../src/core/config.ts";
import { isGuardError } from "../../src/core/errors.ts";
import { systemRandom } from "../../src/core/id.ts";
import type { Interceptor } from "../../src/core/interceptor.ts";
import { type Regarding, type Series, seriesBook } from "./event-recorder-series.ts";
import { type EventObject, type EventsApi, writeSeries } from "./event-recorder-writer.ts";

/** Options of {@link eventRecorder}. */
export interface EventRecorderOptions {
  /** client-node's `EventsV1Api`, not guarded: a refusal would make events of its own. */
  readonly events: EventsApi;
  /** Who reports, e.g. `acme.example/machine-controller`. */
  readonly controller: string;
  /** Which replica of it. @defaultValue the host's name, which is the pod's */
  readonly instance?: string;
  /** Version of Cluster API that Cluster and Machine are named with. @defaultValue `cluster.x-k8s.io/v1beta2` */
  readonly apiVersion?: string;
  /** Events written for one object in a minute, and at once. @defaultValue 5 */
  readonly perMinute?: number;
  /** Events that may wait to be written. @defaultValue 256 */
  readonly maxQueued?: number;
  /** How long one write may take, in milliseconds. @defaultValue 5000 */
  readonly timeoutMs?: number;
  /** Hears why an event could not be written. What it throws is ignored. */
  readonly onError?: (error: unknown) => void;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue cryptographically strong randomness */
  readonly random?: Random;
}

/** Writes Kubernetes Events about what went wrong; never waits, never throws. */
export interface EventRecorder extends AsyncDisposable {
  /** For `createGuard({ interceptors: [...] })`: an event for each refused call of a Cluster or Machine. */
  readonly interceptor: Interceptor;
  /**
   * Reports an error of your own.
   * @param action - What was tried, e.g. `CreateInstance`.
   */
  record(regarding: Regarding, error: unknown, action: string): void;
  /** Reports without a write of their own: too many of an object, too many waiting, or the write failed. */
  readonly dropped: number;
  /** Resolves once nothing waits to be written. */
  flush(): Promise<void>;
  /** Takes no more reports, and writes what waits. */
  close(): Promise<void>;
}

const schema = z.strictObject({
  events: z.custom<EventsApi>(
    (value) => typeof Object(value).createNamespacedEvent === "function",
    "expected client-node's EventsV1Api",
  ),
  controller: z
    .string()
    .regex(
      /^([a-z0-9][-a-z0-9.]{0,252}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
      "expected a qualified name",
    ),
  instance: z.string().min(1).max(128).optional(),
  apiVersion: z.string().min(1).default("cluster.x-k8s.io/v1beta2"),
  perMinute: z.int().min(1).max(60).default(5),
  maxQueued: z.int().min(1).max(10_000).default(256),
  timeoutMs: z.number().positive().default(5_000),
  onError: z.custom<(error: unknown) => void>((value) => typeof value === "function").optional(),
  clock: z.custom<Clock>().optional(),
  random: z.custom<Random>().optional(),
});

const maxNoteBytes = 1_024;

/** Cut off between two characters. */
function bounded(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxNoteBytes) return text;
  return `${new TextDecoder().decode(bytes.subarray(0, maxNoteBytes - 3), { stream: true })}…`;
}

/**
 * Tells people who look at a Cluster or Machine, by `kubectl describe`, that and why a call for it was
 * refused: `events.k8s.io/v1`, which counts repetitions in one event. At most `perMinute` are written
 * for an object, the same again raises the count, and what waits is bounded. Reason and message are
 * those of `conditionFrom`: no message of a service is copied. No call waits for an event, or fails by it.
 *
 * @param options - See {@link EventRecorderOptions}.
 * @returns A recorder that keeps no process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { EventsV1Api, KubeConfig } from "@kubernetes/client-node";
 * import { createGuard } from "provider-guard";
 * import { eventRecorder } from "provider-guard/kubernetes";
 * const config = new KubeConfig();
 * config.loadFromDefault();
 * const recorder = eventRecorder({ events: config.makeApiClient(EventsV1Api), controller: "acme-controller" });
 * await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: false,
 *   interceptors: [recorder.interceptor],
 * });
 */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const settings = parseOptions(schema, options, "eventRecorder");
  const { clock = systemClock, random = systemRandom, instance = hostname().slice(0, 128) || "unknown" } = settings;
  const place = { ...settings, clock, random, instance };
  const book = seriesBook<EventObject>(clock, settings.perMinute);
  const queue: Series<EventObject>[] = [];
  const stopping = new AbortController();
  let writing: Promise<void> | undefined;
  let dropped = 0;
  let closed = false;

  function failed(error: unknown): void {
    dropped++;
    try {
      settings.onError?.(error);
    } catch {
      // whoever listens must not stop the others' events
    }
  }

  async function write(): Promise<void> {
    for (let series = queue.shift(); series !== undefined; series = queue.shift()) {
      series.queued = false; // what is reported from now on is not in this write
      await writeSeries(place, series, stopping.signal).catch(failed);
    }
    writing = undefined;
  }

  function take(regarding: Regarding, error: unknown, action: string): void {
    const { reason, message } = conditionFrom(error, { type: "Refused" });
    const { apiVersion, kind, namespace, name, uid } = regarding;
    const report = {
      regarding: { apiVersion, kind, namespace, name, uid },
      reason: reason.slice(0, 128),
      action: action.slice(0, 128) || "Unknown",
      note: bounded(message),
    };
    const series = book.report(report, queue.length < settings.maxQueued);
    if (series === undefined) {
      dropped++;
      return;
    }
    series.queued = true;
    queue.push(series);
    writing ??= Promise.resolve().then(write);
  }

  function record(...report: Parameters<EventRecorder["record"]>): void {
    if (closed) return;
    try {
      take(...report);
    } catch (error) {
      failed(error);
    }
  }

  function refused({ owner, operation }: Call, error: unknown): void {
    const { machine, cluster } = owner;
    const object = machine ?? cluster;
    if (object === undefined || !isGuardError(error)) return;
    record({ apiVersion: settings.apiVersion, kind: machine ? "Machine" : "Cluster", ...object }, error, operation);
  }

  const recorder: EventRecorder = {
    interceptor: {
      name: "events",
      ring: "operation",
      after: "observe",
      intercept(call, next) {
        const result = next();
        result.catch((error) => refused(call, error));
        return result;
      },
    },
    record,
    get dropped() {
      return dropped;
    },
    async flush() {
      while (writing !== undefined) await writing;
    },
    async close() {
      closed = true;
      const timer = clock.setTimeout(() => {
        dropped += queue.splice(0).length;
        stopping.abort(new Error("closed"));
      }, settings.timeoutMs);
      await recorder.flush();
      timer.cancel();
    },
    [Symbol.asyncDispose]: () => recorder.close(),
  };
  return recorder;
}
