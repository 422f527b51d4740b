import * as z from "zod";
import type { JournalFollower } from "./feed.ts";
import type { KeepOptions } from "./retention.ts";

/** Options of {@link fileJournal}. */
export interface FileJournalOptions {
  /** Where the journal is kept, by this process alone. Made with mode 0700 if it does not exist. */
  readonly directory: string;
  /**
   * `strict`: `append` resolves once the record is durable, and rejects while it cannot be. `blocking`:
   * while it cannot be, `append` waits for room, or until the call's signal aborts. `batch`: it resolves
   * at once, and records of the last moments are lost with the machine; while the disk fails it waits
   * and rejects as `strict` does.
   * @defaultValue `"strict"`
   */
  readonly mode?: "strict" | "blocking" | "batch";
  /**
   * Records kept in memory while they cannot be written. Beyond that the oldest reads are dropped first,
   * then refusals and notices, outcomes last.
   * @defaultValue 10000
   */
  readonly maxBacklog?: number;
  /**
   * How long an intent without a clear outcome is offered for resumption, in milliseconds.
   * @defaultValue 86400000, one day
   * @see Amazon EC2 API reference, "Ensuring idempotency": client tokens are remembered for 24 hours; read 2026-11
   */
  readonly resumeWindowMs?: number;
  /**
   * Size at which a segment is closed and the next begun, in bytes. Opening a journal reads no more than about this much.
   * @defaultValue 67108864, 64 MiB
   */
  readonly segmentBytes?: number;
  /**
   * Age at which a segment is closed, also while nobody records anything; an empty one stays. In milliseconds.
   * @defaultValue 86400000, one day
   */
  readonly segmentAgeMs?: number;
  /**
   * How much is kept. Looked at when the journal opens, at each new segment, when a segment grows too old
   * and every hour; a segment that a follower has yet to deliver stays, and so does the one that is written.
   * @defaultValue everything
   */
  readonly keep?: KeepOptions;
  /** What works beside the journal: checkpoints, shipping. @defaultValue `[]` */
  readonly followers?: readonly JournalFollower[];
}

export const fileJournalSchema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .refine((path) => !path.includes("\0"), "must not hold a zero byte"),
  mode: z.enum(["strict", "blocking", "batch"]).default("strict"),
  maxBacklog: z.int().min(1).default(10_000),
  resumeWindowMs: z.number().min(0).default(86_400_000),
  segmentBytes: z
    .int()
    .min(1024)
    .max(2 ** 40)
    .default(64 * 1024 * 1024),
  segmentAgeMs: z.number().positive().default(86_400_000),
  keep: z.strictObject({ days: z.number().positive().optional(), bytes: z.int().positive().optional() }).optional(),
  followers: z
    .array(
      z.custom<JournalFollower>(
        (value) => typeof (value as JournalFollower | null)?.start === "function",
        "expected a follower with start()",
      ),
    )
    .default([]),
});

export type FileJournalSettings = z.infer<typeof fileJournalSchema>;
