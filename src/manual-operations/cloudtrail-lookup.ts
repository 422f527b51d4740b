import * as z from "zod";
import { type Clock, sleep, systemClock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { cloudTrailRecord } from "./cloudtrail-record.ts";
import { fieldsOf, parseJson } from "./fields.ts";
import { readingOf, type Trail, type TrailSpan } from "./trail.ts";

/** The part of the AWS SDK's `CloudTrail` client that is used. */
export interface CloudTrailClient {
  lookupEvents(
    input: { StartTime: Date; EndTime: Date; MaxResults: number; NextToken?: string },
    options?: { abortSignal?: AbortSignal },
  ): Promise<{ readonly Events?: readonly unknown[] | undefined; readonly NextToken?: string | undefined }>;
}

/** Options of {@link cloudTrailLookup}. */
export interface CloudTrailLookupOptions {
  /** `new CloudTrail({ region })` of `@aws-sdk/client-cloudtrail`, not guarded: these reads are not your controller's. */
  readonly client: CloudTrailClient;
  /** The client's account; others' calls are not expected here. @defaultValue any */
  readonly account?: string;
  /** The client's region: event history is kept per region. @defaultValue any */
  readonly region?: string;
  /** Milliseconds between two requests. @defaultValue 500: two a second, per account and region */
  readonly paceMs?: number;
  /** Milliseconds after which a record has certainly been delivered. @defaultValue 900000 */
  readonly deliveryDelayMs?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const day = 86_400_000;
const kept = 90 * day;
const maxPages = 100_000;
const maxThrottled = 6;

const schema = z.strictObject({
  client: z.looseObject({ lookupEvents: z.function() }),
  account: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  paceMs: z.number().min(0).default(500),
  deliveryDelayMs: z.number().min(0).default(900_000),
  clock: z.looseObject({ now: z.function() }).optional(),
});

const isThrottled = (error: unknown): boolean =>
  /Throttl|TooManyRequests|RequestLimitExceeded/.test(String(fieldsOf(error).name));

/**
 * Reads CloudTrail's event history, which AWS keeps for 90 days whether there is a trail or not.
 * It asks for 50 events a page, twice a second; what is older than 90 days is a gap. Where a page
 * cannot be had the iteration fails.
 *
 * @param options - See {@link CloudTrailLookupOptions}.
 * @returns A trail of the client's account and region.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { cloudTrailLookup, type CloudTrailClient } from "provider-guard/manual-operations";
 * declare const client: CloudTrailClient; // new CloudTrail({ region: "eu-west-1" })
 * const trail = cloudTrailLookup({ client, region: "eu-west-1" });
 * @see AWS CloudTrail API reference, "LookupEvents", read 2026-11
 */
export function cloudTrailLookup(options: CloudTrailLookupOptions): Trail {
  const { account, region, paceMs, deliveryDelayMs } = parseOptions(schema, options, "cloudTrailLookup");
  const { client, clock = systemClock } = options;
  let nextAt = Number.NEGATIVE_INFINITY; // all readings share the account's rate

  async function page(input: Parameters<CloudTrailClient["lookupEvents"]>[0], signal: AbortSignal | undefined) {
    for (let failures = 0; ; failures++) {
      const wait = nextAt - clock.monotonic();
      nextAt = Math.max(nextAt, clock.monotonic()) + paceMs;
      if (wait > 0) await sleep(clock, wait, signal);
      signal?.throwIfAborted();
      try {
        return await client.lookupEvents(input, signal === undefined ? {} : { abortSignal: signal });
      } catch (error) {
        if (!isThrottled(error) || failures === maxThrottled) throw error;
        await sleep(clock, 1000 * 2 ** failures, signal);
      }
    }
  }

  return {
    cloud: "aws",
    deliveryDelayMs,
    account,
    region,
    read: (span: TrailSpan, { signal } = {}) =>
      readingOf(span, async function* (notes) {
        const oldest = clock.now() - kept;
        if (span.from < oldest) notes.gap("older than 90 days", { from: span.from, to: Math.min(span.to, oldest) });
        const range = { StartTime: new Date(Math.max(span.from, oldest)), EndTime: new Date(span.to) };
        if (range.EndTime <= range.StartTime) return;
        const askedAt = clock.now();
        let token: string | undefined;
        for (let pages = 0; ; pages++) {
          if (pages === maxPages) throw new Error("LookupEvents: more pages than there can be");
          const answer = await page(
            { ...range, MaxResults: 50, ...(token === undefined ? {} : { NextToken: token }) },
            signal,
          );
          for (const item of answer.Events ?? []) {
            const text = fieldsOf(item).CloudTrailEvent;
            const event = typeof text === "string" ? cloudTrailRecord(parseJson(text)) : undefined;
            if (event === undefined) notes.malformed++;
            else yield event;
          }
          if (answer.NextToken === undefined || answer.NextToken === "") break;
          if (answer.NextToken === token) throw new Error("LookupEvents: the same page again");
          token = answer.NextToken;
        }
        notes.deliveredTo = Math.min(span.to, askedAt - deliveryDelayMs);
      }),
  };
}
