import { abortable } from "../../src/core/abort.ts";
import type { Clock, Random } from "../../src/core/clock.ts";
import { newId } from "../../src/core/id.ts";
import { callOptions, microTime, statusOf } from "./api-call.ts";
import type { Regarding, Series } from "./event-recorder-series.ts";

/** An event of `events.k8s.io/v1` as client-node reads and writes it. */
export interface EventObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string };
  readonly eventTime: unknown;
  readonly regarding?: Partial<Regarding>;
  readonly reason?: string;
  readonly action?: string;
  readonly note?: string;
  readonly type?: string;
  readonly reportingController?: string;
  readonly reportingInstance?: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: unknown };
}

/** What client-node's `EventsV1Api` is used for. */
export interface EventsApi {
  createNamespacedEvent(
    request: { readonly namespace: string; readonly body: EventObject },
    options?: object,
  ): Promise<EventObject>;
  replaceNamespacedEvent(
    request: { readonly namespace: string; readonly name: string; readonly body: EventObject },
    options?: object,
  ): Promise<EventObject>;
}

/** Where events go, and who tells them. */
export interface EventPlace {
  readonly events: EventsApi;
  readonly controller: string;
  readonly instance: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Writes a series: as a new event, or as the count of the one that tells of it already. */
export async function writeSeries(place: EventPlace, series: Series<EventObject>, stop: AbortSignal): Promise<void> {
  const { events, controller, instance, timeoutMs, clock, random } = place;
  const { report, count, lastAt, written } = series;
  const { namespace, name } = report.regarding;
  const limit = new AbortController();
  const timer = clock.setTimeout(() => limit.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const signal = AbortSignal.any([limit.signal, stop]);
  const ask = (work: (options: object) => Promise<EventObject>) => abortable(work(callOptions({ signal })), signal);
  const counted = count < 2 ? {} : { series: { count, lastObservedTime: microTime(lastAt) } };

  const create = () => {
    const body: EventObject = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { namespace, name: `${name.slice(0, 200).replace(/[-.]+$/, "")}.${newId(clock, random)}` },
      eventTime: microTime(lastAt),
      type: "Warning",
      reportingController: controller,
      reportingInstance: instance,
      ...report,
      ...counted,
    };
    return ask((call) => events.createNamespacedEvent({ namespace, body }, call));
  };
  const recount = (event: EventObject) => {
    const body = { ...event, ...counted };
    return ask((call) => events.replaceNamespacedEvent({ namespace, name: event.metadata?.name ?? "", body }, call));
  };
  /** An event that has gone, as it does after an hour, or that somebody else changed. */
  const gone = (error: unknown) => [404, 409].includes(statusOf(error) ?? 0);

  try {
    series.written =
      written === undefined
        ? await create()
        : await recount(written).catch((error) => (gone(error) ? create() : Promise.reject(error)));
  } finally {
    timer.cancel();
  }
}
