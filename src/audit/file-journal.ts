import { resolve } from "node:path";
import { parseOptions } from "../core/config.ts";
import type { Journal, JournalContext, JournalSource, OpenIntent } from "../core/journal.ts";
import { type Companions, startCompanions } from "./companions.ts";
import { openCorrelation } from "./correlation-key.ts";
import { prepareDirectory } from "./directory.ts";
import type { JournalFeed } from "./feed.ts";
import { type FileJournalOptions, type FileJournalSettings, fileJournalSchema } from "./file-journal-options.ts";
import { GroupCommit } from "./group-commit.ts";
import { type JournalFiles, nodeFiles } from "./journal-files.ts";
import { JournalWriter } from "./journal-writer.ts";
import { type Recovered, recoverJournal } from "./recover.ts";
import { lockDirectory, type WriterLock } from "./writer-lock.ts";

export type { FileJournalOptions } from "./file-journal-options.ts";

/** An audit log in a directory. */
export interface FileJournal extends Journal {
  /** Up to where the journal is durable, for those who follow it. */
  readonly feed: JournalFeed;
  /**
   * Lets go of the directory as the death of the process would: nothing pending is written, promises
   * that are pending never settle, followers stop where they are. For tests of crash recovery; does
   * nothing once the journal is being closed.
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
  const settings = parseOptions(fileJournalSchema, options, "audit");
  return { open: (context) => openJournal(settings, context, nodeFiles) };
}

/** As {@link fileJournal}, on other system calls. */
export function fileJournalOn(files: JournalFiles, options: FileJournalOptions): FileJournalSource {
  const settings = parseOptions(fileJournalSchema, options, "audit");
  return { open: (context) => openJournal(settings, context, files) };
}

async function openJournal(
  settings: FileJournalSettings,
  context: JournalContext,
  files: JournalFiles,
): Promise<FileJournal> {
  const directory = resolve(settings.directory);
  await prepareDirectory(directory);
  const lock = await lockDirectory(directory);
  let stop: (() => Promise<void>) | undefined;
  try {
    const now = context.clock.now();
    const correlate = await openCorrelation(directory);
    const found = await recoverJournal(directory);
    const unfinished = (found?.intents.list() ?? []).filter(({ at }) => at >= now - settings.resumeWindowMs);
    const writer = await JournalWriter.open({ files, directory, context, settings, found });
    stop = () => writer.close();
    const commit = new GroupCommit({ writer, clock: context.clock, ...settings });
    stop = () => commit.close();
    if (found !== undefined && found.cutBytes > 0) commit.enqueue(recoveredNotice(now, found));
    commit.enqueue({
      type: "notice",
      at: now,
      event: "opened",
      details: { ...context.principal, unfinished: unfinished.length },
    });
    await commit.flush(); // a full disk is noticed now, before any call
    const companions = await startCompanions(settings, writer, commit, context);
    return journalOf({ writer, commit, companions, lock, correlate, unfinished });
  } catch (error) {
    await stop?.();
    lock.release();
    throw error;
  }
}

const recoveredNotice = (at: number, { segment, size, cutBytes }: Recovered) =>
  ({ type: "notice", at, event: "recovered", details: { segment, offset: size, cutBytes } }) as const;

interface Parts {
  readonly writer: JournalWriter;
  readonly commit: GroupCommit;
  readonly companions: Companions;
  readonly lock: WriterLock;
  readonly correlate: (text: string) => string;
  readonly unfinished: readonly OpenIntent[];
}

function journalOf({ writer, commit, companions, lock, correlate, unfinished }: Parts): FileJournal {
  let ended: Promise<void> | undefined;

  async function end(): Promise<void> {
    try {
      await commit.flush().catch(() => {}); // what cannot be written is counted below
      await companions.close();
    } finally {
      await commit.close();
      lock.release();
    }
  }

  return {
    append: (record, signal) => commit.append(record, signal),
    enqueue: (record) => commit.enqueue(record),
    get unfinished() {
      return unfinished.filter(({ call }) => writer.intents.has(call));
    },
    correlate,
    feed: writer.feed,
    get dropped() {
      return commit.dropped;
    },
    flush: () => commit.flush(),
    close() {
      ended ??= end();
      return ended;
    },
    abandon() {
      if (ended !== undefined) return;
      ended = Promise.resolve();
      // A write that the kernel is at must end before the next writer reads the file.
      const busy = [commit.abandon() ?? [], companions.abandon()].flat();
      if (busy.length === 0) lock.release();
      else void Promise.allSettled(busy).then(() => lock.release());
    },
  };
}
