import { join, resolve } from "node:path";
import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { newId } from "../core/id.ts";
import type { Journal, JournalContext, JournalSource, OpenIntent } from "../core/journal.ts";
import { openCorrelation } from "./correlation-key.ts";
import { createDurably, prepareDirectory } from "./directory.ts";
import { GroupCommit } from "./group-commit.ts";
import { type JournalFiles, nodeFiles } from "./journal-files.ts";
import { emptyChain, formatVersion, type HeaderRecord, segmentName } from "./line.ts";
import { LineEncoder } from "./line-encoder.ts";
import { type Recovered, recoverJournal } from "./recover.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { lockDirectory, type WriterLock } from "./writer-lock.ts";

/** Options of {@link fileJournal}. */
export interface FileJournalOptions {
  /** Where the journal is kept, by this process alone. Made with mode 0700 if it does not exist. */
  readonly directory: string;
  /**
   * `strict`: `append` resolves once the record is durable. `batch`: at once, and records of the last
   * moments are lost with the machine; while the disk fails it waits and rejects as `strict` does.
   * @defaultValue `"strict"`
   */
  readonly mode?: "strict" | "batch";
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
}

/** An audit log in a directory. */
export interface FileJournal extends Journal {
  /**
   * Lets go of the directory as the death of the process would: nothing pending is written, promises
   * that are pending never settle. For tests of crash recovery.
   */
  abandon(): void;
}

/** A directory's audit log that has not been opened yet. */
export interface FileJournalSource extends JournalSource {
  /**
   * @throws {@link GuardError} `ERR_AUDIT_LOCKED`, `ERR_AUDIT_CORRUPT` or `ERR_AUDIT_UNAVAILABLE`, naming the path.
   */
  open(context: JournalContext): Promise<FileJournal>;
}

const schema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .refine((path) => !path.includes("\0"), "must not hold a zero byte"),
  mode: z.enum(["strict", "batch"]).default("strict"),
  maxBacklog: z.int().min(1).default(10_000),
  resumeWindowMs: z.number().min(0).default(86_400_000),
});

type Settings = z.infer<typeof schema>;

/**
 * Keeps the audit log in a directory: JSON lines, each chained to the one before it by SHA-256, durable
 * (fdatasync, shared by all who wait) before `append` resolves. One writer at a time holds the directory,
 * on a local file system. While the disk is full or fails, `append` rejects, so that mutating calls are
 * refused; what was enqueued waits in memory, and both go on by themselves once there is room. What was
 * recorded before is never touched.
 *
 * @param options - See {@link FileJournalOptions}.
 * @returns A journal that `createGuard` opens: it then checks the whole chain, and cuts a last line that
 *   a crash left unfinished.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @throws {@link GuardError} `ERR_AUDIT_LOCKED` (at opening) when another writer holds the directory.
 * @throws {@link GuardError} `ERR_AUDIT_CORRUPT` (at opening) when a line was changed, with its place.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` (at opening and per record, retryable) when the disk
 *   is full or fails, the directory is not writable, or the file was removed or replaced.
 * @example
 * import { fileJournal } from "provider-guard";
 * const audit = fileJournal({ directory: "/var/log/acme-audit" });
 */
export function fileJournal(options: FileJournalOptions): FileJournalSource {
  const settings = parseOptions(schema, options, "audit");
  return { open: (context) => openJournal(settings, context, nodeFiles) };
}

/** As {@link fileJournal}, on other system calls. */
export function fileJournalOn(files: JournalFiles, options: FileJournalOptions): FileJournalSource {
  const settings = parseOptions(schema, options, "audit");
  return { open: (context) => openJournal(settings, context, files) };
}

async function openJournal(settings: Settings, context: JournalContext, files: JournalFiles): Promise<FileJournal> {
  const directory = resolve(settings.directory);
  await prepareDirectory(directory);
  const lock = await lockDirectory(directory);
  let stop: (() => Promise<void>) | undefined;
  try {
    const now = context.clock.now();
    const correlate = await openCorrelation(directory);
    const found = await recoverJournal(directory, now - settings.resumeWindowMs);
    const writer = found ? await SegmentWriter.open(files, found) : await startSegment(files, directory, context);
    stop = () => writer.close();
    const commit = new GroupCommit({
      writer,
      clock: context.clock,
      durable: settings.mode === "strict",
      maxBacklog: settings.maxBacklog,
    });
    stop = () => commit.close();
    if (found !== undefined && found.cutBytes > 0) commit.enqueue(recoveredNotice(now, found));
    const unfinished = found?.unfinished ?? [];
    commit.enqueue({
      type: "notice",
      at: now,
      event: "opened",
      details: { ...context.principal, unfinished: unfinished.length },
    });
    await commit.flush(); // a full disk is noticed now, before any call
    return journalOf(commit, lock, correlate, unfinished);
  } catch (error) {
    await stop?.();
    lock.release();
    throw error;
  }
}

async function startSegment(files: JournalFiles, directory: string, context: JournalContext): Promise<SegmentWriter> {
  const header: HeaderRecord = {
    type: "header",
    version: formatVersion,
    chain: newId(context.clock, context.random),
    segment: 1,
    createdAt: context.clock.now(),
    principal: context.principal,
  };
  const entry = { body: JSON.stringify(header), rank: 2 } as const;
  const { bytes, length, lastLine, head } = new LineEncoder().encode([entry], emptyChain);
  const name = segmentName(header.segment);
  await createDurably(directory, name, bytes.subarray(0, length));
  return SegmentWriter.open(files, { path: join(directory, name), size: length, lastLine, head });
}

const recoveredNotice = (at: number, { segment, size, cutBytes }: Recovered) =>
  ({ type: "notice", at, event: "recovered", details: { segment, offset: size, cutBytes } }) as const;

function journalOf(
  commit: GroupCommit,
  lock: WriterLock,
  correlate: (text: string) => string,
  unfinished: readonly OpenIntent[],
): FileJournal {
  let ended: Promise<void> | undefined;
  return {
    append: (record) => commit.append(record),
    enqueue: (record) => commit.enqueue(record),
    unfinished,
    correlate,
    get dropped() {
      return commit.dropped;
    },
    flush: () => commit.flush(),
    close() {
      ended ??= commit.close().finally(() => lock.release());
      return ended;
    },
    abandon() {
      if (ended !== undefined) return;
      ended = Promise.resolve();
      const busy = commit.abandon();
      // A write that the kernel is at must end before the next writer reads the file.
      if (busy === undefined) lock.release();
      else void busy.then(() => lock.release());
    },
  };
}
