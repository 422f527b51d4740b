import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { type Chunks, linesOf } from "./lines.ts";
import { openStackLine } from "./openstack-line.ts";
import { type OpenStackRequest, openStackEvent } from "./openstack-request.ts";
import { recentIds } from "./recent-ids.ts";
import { noting, type ReadingNotes, readingOf, type Trail, type TrailSpan } from "./trail.ts";
import type { TrailEvent } from "./trail-event.ts";

/** Options of {@link openStackRequests}. */
export interface OpenStackRequestsOptions {
  /**
   * Gives the bytes of logs and notifications that may tell of a span, line by line or not: a file's
   * stream, the body of an HTTP answer. Is asked anew for every reading.
   */
  readonly source: (span: TrailSpan) => Chunks | Promise<Chunks>;
  /**
   * Until when, in Unix milliseconds, everything is known to be among them.
   * @defaultValue the time of the latest request
   */
  readonly deliveredTo?: () => number;
  /** Milliseconds after which a line has certainly been delivered. @defaultValue 60000 */
  readonly deliveryDelayMs?: number;
  /**
   * Users of OpenStack's own services, such as nova's and neutron's, by id or name: what they do is of
   * class `cloud-service`.
   * @defaultValue none
   */
  readonly services?: readonly string[];
  /** The one region that they tell of. @defaultValue any */
  readonly region?: string;
}

const schema = z.strictObject({
  source: z.function(),
  deliveredTo: z.function().optional(),
  deliveryDelayMs: z.number().min(0).default(60_000),
  services: z.array(z.string().min(1)).readonly().default([]),
  region: z.string().min(1).optional(),
});

const maxPending = 10_000;

/**
 * The audit middleware tells of a request when it comes and when it has been answered, and the API's
 * log tells of it once more: the second says the most.
 */
async function* joined(requests: AsyncIterable<OpenStackRequest>): AsyncGenerator<OpenStackRequest> {
  const pending = new Map<string, OpenStackRequest>();
  const notified = recentIds();
  for await (const request of requests) {
    const { id, told, requestIds, path } = request;
    // A client may choose the id that glance logs, but not the path that it asks for.
    const key = `${requestIds[0]} ${path}`;
    if (told === undefined) {
      if (!notified.has(key)) yield request;
      continue;
    }
    if (!notified.has(key)) notified.add(key);
    pending.delete(id);
    if (told === "notified") yield request;
    else pending.set(id, request);
    const [[oldest, waiting] = []] = pending.size > maxPending ? pending : [];
    if (oldest === undefined || waiting === undefined) continue;
    pending.delete(oldest);
    yield waiting;
  }
  yield* pending.values(); // never answered, or not yet
}

/**
 * Reads what OpenStack's services tell of requests: keystone's and the audit middleware's CADF
 * notifications, one JSON object a line or as oslo.messaging's log driver writes them, and the request
 * lines of the APIs' own logs. Other lines are passed over; JSON that is neither, lines that only begin
 * like a request, and lines of more than a megabyte count as malformed.
 *
 * @param options - See {@link OpenStackRequestsOptions}.
 * @returns A trail of whatever services the lines are of.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { createReadStream } from "node:fs";
 * import { openStackRequests } from "provider-guard/manual-operations";
 * const trail = openStackRequests({
 *   source: () => createReadStream("/var/log/nova/nova-api.log"),
 *   services: ["nova", "neutron"],
 * });
 */
export function openStackRequests(options: OpenStackRequestsOptions): Trail {
  const { deliveryDelayMs, region, services } = parseOptions(schema, options, "openStackRequests");
  const ofServices = new Set(services);

  async function* requests(span: TrailSpan, notes: ReadingNotes, signal?: AbortSignal) {
    for await (const line of linesOf(await options.source(span), notes, signal)) {
      const request = openStackLine(line);
      if (request === undefined) notes.malformed++;
      else if (request !== "other") yield request;
    }
  }

  async function* events(span: TrailSpan, notes: ReadingNotes, signal?: AbortSignal): AsyncGenerator<TrailEvent> {
    for await (const request of joined(requests(span, notes, signal))) yield openStackEvent(request, ofServices);
  }

  return {
    cloud: "openstack",
    deliveryDelayMs,
    region,
    read: (span, { signal } = {}) =>
      readingOf(span, (notes) => noting(notes, events(span, notes, signal), options.deliveredTo?.())),
  };
}
