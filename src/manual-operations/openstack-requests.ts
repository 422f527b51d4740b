import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { type Chunks, linesOf } from "./lines.ts";
import { openStackLine } from "./openstack-line.ts";
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
  /** The one region that they tell of. @defaultValue any */
  readonly region?: string;
}

const schema = z.strictObject({
  source: z.function(),
  deliveredTo: z.function().optional(),
  deliveryDelayMs: z.number().min(0).default(60_000),
  region: z.string().min(1).optional(),
});

/**
 * Reads what OpenStack's services tell of requests: keystone's and the audit middleware's CADF
 * notifications, one JSON object a line, and the request lines of the APIs' own logs. Other lines are
 * passed over; JSON that is neither, and lines of more than a megabyte, count as malformed.
 *
 * @param options - See {@link OpenStackRequestsOptions}.
 * @returns A trail of whatever services the lines are of.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { createReadStream } from "node:fs";
 * import { openStackRequests } from "provider-guard/manual-operations";
 * const trail = openStackRequests({ source: () => createReadStream("/var/log/nova/nova-api.log") });
 */
export function openStackRequests(options: OpenStackRequestsOptions): Trail {
  const { deliveryDelayMs, region } = parseOptions(schema, options, "openStackRequests");

  async function* events(span: TrailSpan, notes: ReadingNotes, signal?: AbortSignal): AsyncGenerator<TrailEvent> {
    for await (const line of linesOf(await options.source(span), notes, signal)) {
      const event = openStackLine(line);
      if (event === undefined) notes.malformed++;
      else if (event !== "other") yield event;
    }
  }

  return {
    cloud: "openstack",
    deliveryDelayMs,
    region,
    read: (span, { signal } = {}) =>
      readingOf(span, (notes) => noting(notes, events(span, notes, signal), options.deliveredTo?.())),
  };
}
