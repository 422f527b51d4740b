import { statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { noTelemetry } from "../../core/telemetry.ts";
import type { JournalFeed, JournalFollower } from "../feed.ts";
import { segmentName } from "../line.ts";
import { Shipper } from "./shipper.ts";
import type { ShippingSink } from "./sink.ts";

/** Options of {@link shipping}. */
export interface ShippingOptions {
  /** Where the journal goes; each sink gets all of it, at its own pace. */
  readonly sinks: readonly ShippingSink[];
  /** Milliseconds between two looks at what has become durable. @defaultValue 5000 */
  readonly intervalMs?: number;
  /** Bytes of one object, about: it holds whole lines. Bounds the memory that a sink takes. @defaultValue 8388608 */
  readonly maxPartBytes?: number;
  /** Milliseconds that a sink has for one object. @defaultValue 60000 */
  readonly timeoutMs?: number;
  /** Longest pause between two attempts, in milliseconds; the first is about a second. @defaultValue 60000 */
  readonly maxBackoffMs?: number;
  /** Milliseconds behind the journal after which a notice is recorded. @defaultValue 300000 */
  readonly noticeAfterMs?: number;
  /** Milliseconds that closing the journal waits for what is left to ship. @defaultValue 5000 */
  readonly closeTimeoutMs?: number;
}

const milliseconds = z.int().min(1).max(86_400_000);
const schema = z.strictObject({
  sinks: z
    .array(
      z.looseObject({
        name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "must be lower-case letters, digits and -"),
        put: z.custom<ShippingSink["put"]>((value) => typeof value === "function", "must be a function"),
      }),
    )
    .min(1)
    .refine((sinks) => new Set(sinks.map(({ name }) => name)).size === sinks.length, "two have the same name"),
  intervalMs: milliseconds.default(5_000),
  maxPartBytes: z
    .int()
    .min(1)
    .max(64 * 1024 * 1024)
    .default(8 * 1024 * 1024),
  timeoutMs: milliseconds.default(60_000),
  maxBackoffMs: milliseconds.default(60_000),
  noticeAfterMs: milliseconds.default(300_000),
  closeTimeoutMs: z.int().min(0).max(86_400_000).default(5_000),
});

/**
 * Sends a journal off its host while it is written: everything that is durable, every few seconds, to
 * each of several sinks, with the checkpoints. At least once and in order: how far a sink is, is kept
 * in the journal's directory and moves only after the sink has acknowledged, and after a crash the same
 * bytes go out again under the same name. A sink that is slow or down never slows the journal; it is
 * tried again for as long as it takes, with pauses that grow, its lag is a metric, and after some time
 * a notice in the journal. Retention removes no segment that a sink has not.
 *
 * @param options - See {@link ShippingOptions}.
 * @returns A follower for `fileJournal({ followers })`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { fileJournal } from "provider-guard";
 * import { directorySink, shipping } from "provider-guard/audit";
 * const sinks = [directorySink({ directory: "/mnt/evidence" })];
 * fileJournal({ directory: "/var/log/acme-audit", followers: [shipping({ sinks })] });
 */
export function shipping(options: ShippingOptions): JournalFollower {
  parseOptions(schema, options, "shipping");
  const { sinks } = options; // as they are: methods of classes, too
  const { closeTimeoutMs, sinks: _checked, ...settings } = schema.parse(options);
  return {
    start(feed, journal, { clock, random, telemetry = noTelemetry }) {
      const notice = (event: string, details: Record<string, string | number>) =>
        journal.enqueue({ type: "notice", at: clock.now(), event, details });
      const shippers = sinks.map((sink) => new Shipper({ ...settings, sink, feed, clock, random, notice }));
      const gauges = [
        telemetry.gauge("audit.shipping.lag", "Seconds that a sink is behind the journal", (observe) => {
          for (const { sink, behindMs } of shippers) observe(behindMs / 1000, { sink });
        }),
        telemetry.gauge("audit.shipping.unshipped", "Bytes of the journal that a sink has not", (observe) => {
          for (const shipper of shippers) observe(unshipped(feed, shipper), { sink: shipper.sink });
        }),
      ];
      async function ended(all: readonly Promise<void>[]): Promise<void> {
        await Promise.all(all);
        for (const end of gauges) end();
      }
      return {
        close: () => ended(shippers.map((shipper) => shipper.close(closeTimeoutMs))),
        abandon: () => ended(shippers.map((shipper) => shipper.abandon())),
        shippedThrough: () => Math.min(...shippers.map(({ through }) => through)),
        checkpointsThrough: () => Math.min(...shippers.map(({ checkpointsThrough }) => checkpointsThrough)),
      };
    },
  };
}

/** Bytes from where a sink is to where the journal is durable. */
function unshipped({ directory, position }: JournalFeed, { place }: Shipper): number {
  const { segment, offset } = place ?? { segment: 1, offset: 0 };
  let bytes = position.offset - offset;
  for (let number = segment; number < position.segment; number++) {
    bytes += statSync(join(directory, segmentName(number)), { throwIfNoEntry: false })?.size ?? 0;
  }
  return Math.max(0, bytes);
}
