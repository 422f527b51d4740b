import type { Clock, Timer } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { AuditRecord } from "../core/journal.ts";
import { Backlog, type Entry } from "./backlog.ts";
import { entryOf, markEntry } from "./entry.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { Patience } from "./patience.ts";
import { refused, unavailable } from "./unavailable.ts";

/** Most characters in one write: bounds memory, and lets a long backlog drain in steps. */
const batchLength = 512 * 1024;
/** So many records that nobody waits for are worth a write of their own at once. */
const worthWriting = 256;
/** How long records that nobody waits for may wait for company, in milliseconds. */
const lingerMs = 5;
/** How often a journal that fails is tried while nobody appends, in milliseconds. */
const probeMs = 1_000;

const done = Promise.resolve();

/** What `append` waits for; see the journal's options. */
export type JournalMode = "strict" | "blocking" | "batch";

/** How a {@link GroupCommit} behaves. */
export interface GroupCommitOptions {
  readonly writer: JournalWriter;
  readonly clock: Clock;
  readonly mode: JournalMode;
  readonly maxBacklog: number;
}

/**
 * One write and one fdatasync are in flight at a time; whatever arrives meanwhile goes into the next.
 * So the cost of a sync is shared by all who wait for it, and nobody waits for more than two.
 */
export class GroupCommit {
  readonly #writer: JournalWriter;
  readonly #clock: Clock;
  readonly #mode: JournalMode;
  readonly #maxBacklog: number;
  readonly #backlog = new Backlog();
  readonly #patience = new Patience((waiter) => {
    const waits = this.#backlog.remove(waiter);
    if (waits) this.#waiting--;
    return waits;
  });
  #state: "open" | "closed" | "abandoned" = "open";
  #running: Promise<void> | undefined;
  #scheduled = false;
  #failing = false;
  #waiting = 0;
  #timer: Timer | undefined;
  #dropped = 0;
  #droppedNoted = 0;

  constructor(options: GroupCommitOptions) {
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#mode = options.mode;
    this.#maxBacklog = options.maxBacklog;
  }

  // A getter, because the state changes while somebody awaits.
  get #abandoned(): boolean {
    return this.#state === "abandoned";
  }

  get dropped(): number {
    return this.#dropped;
  }

  append(record: AuditRecord, signal?: AbortSignal): Promise<void> {
    if (this.#state !== "open") return this.#gone();
    let entry: Entry;
    try {
      entry = entryOf(record);
    } catch (error) {
      return Promise.reject(this.#unrecordable(error));
    }
    // A batching journal waits too while the disk fails, so that the caller learns of it, and while
    // half of what may be kept has piled up, so that nothing need be dropped.
    if (this.#mode === "batch" && !this.#failing && this.#backlog.size < this.#maxBacklog / 2) {
      this.#backlog.push(entry);
      this.#linger();
      return done;
    }
    return this.#wait(entry, this.#mode === "blocking", signal);
  }

  enqueue(record: AuditRecord): void {
    if (this.#state !== "open") {
      this.#dropped++;
      return;
    }
    try {
      this.#backlog.push(entryOf(record));
    } catch {
      this.#dropped++;
    }
    if (this.#backlog.size > this.#maxBacklog) this.#dropped += this.#backlog.trim(this.#maxBacklog);
    this.#linger();
  }

  /** @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`: what was recorded waits in memory. */
  flush(): Promise<void> {
    if (this.#state !== "open") return this.#gone();
    return this.#wait(markEntry(), false);
  }

  /** Writes what can be written, counts the rest as dropped, and takes no more. */
  async close(): Promise<void> {
    const flushed = this.flush().catch(() => {});
    this.#state = "closed";
    await flushed;
    while (this.#running !== undefined) await this.#running;
    this.#timer?.cancel();
    for (const { reject } of this.#backlog.putBack([], () => false)) reject(this.#closed());
    this.#dropped += this.#backlog.trim(0);
    await this.#writer.close();
  }

  /**
   * Stops as if the process had died: nothing more is written, nobody is told.
   * @returns What ends once the system call in flight has, if there is one.
   */
  abandon(): Promise<void> | undefined {
    this.#state = "abandoned";
    this.#timer?.cancel();
    if (this.#running !== undefined) return this.#running.then(() => this.#writer.closeSync());
    this.#writer.closeSync();
    return undefined;
  }

  #gone(): Promise<never> {
    return Promise.reject(this.#closed());
  }

  #closed(): GuardError {
    return refused(this.#writer.path, "is closed", false);
  }

  #unrecordable(error: unknown): GuardError {
    const reason = error instanceof RangeError && error.message.startsWith("record of") ? error.message : undefined;
    return refused(this.#writer.path, `record cannot be written: ${reason ?? "it is not plain JSON"}`, false, error);
  }

  #wait(entry: Entry, patient: boolean, signal?: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting++;
      entry.waiter = { resolve, reject, patient, signal };
      this.#backlog.push(entry);
      this.#soon();
    });
  }

  #soon(): void {
    if (this.#scheduled || this.#running !== undefined) return;
    this.#scheduled = true;
    // After this turn, so that everybody who records in it shares one sync.
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#abandoned) return;
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        // Who would rather wait than be refused waits for the next probe; a journal that closes does not.
        const patient = this.#failing && this.#mode === "blocking" && this.#state === "open";
        if (this.#waiting > 0 && !patient) this.#soon();
        else if (this.#backlog.size > 0) this.#linger();
      });
    });
  }

  #linger(): void {
    if (this.#scheduled || this.#running !== undefined || this.#state !== "open") return;
    if (!this.#failing && this.#backlog.size >= worthWriting) {
      this.#soon();
      return;
    }
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#backlog.size > 0) this.#soon();
      },
      this.#failing ? probeMs : lingerMs,
    );
  }

  async #run(): Promise<void> {
    while (this.#waiting > 0 || this.#backlog.size > 0) {
      const batch = this.#backlog.take(batchLength);
      try {
        await this.#writer.commit(batch);
      } catch (error) {
        if (this.#abandoned) return;
        this.#fail(batch, error);
        return;
      }
      if (this.#abandoned) return;
      this.#failing = false;
      this.#settle(batch);
      this.#noteDrops();
      // What fails now fails again, and is told, when the next batch needs the segment.
      await this.#writer.advance().catch(() => {});
      // Those who were just told go on now: what they record next shares the next sync.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#abandoned || (this.#waiting === 0 && this.#backlog.size < worthWriting)) return;
    }
  }

  #settle(batch: readonly Entry[]): void {
    for (const entry of batch) {
      const { waiter } = entry;
      if (waiter === undefined) continue;
      entry.waiter = undefined; // the entry may be kept for as long as its intent is open
      this.#waiting--;
      this.#patience.over(waiter);
      waiter.resolve();
    }
  }

  #fail(batch: readonly Entry[], error: unknown): void {
    this.#failing = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    const refused = this.#backlog.putBack(batch, ({ patient }) => patient === true && this.#state === "open");
    this.#waiting -= refused.length;
    this.#dropped += this.#backlog.trim(this.#maxBacklog);
    for (const waiter of refused) {
      this.#patience.over(waiter);
      waiter.reject(again(error, this.#writer.path));
    }
    this.#patience.heed(this.#backlog.waiters());
  }

  #noteDrops(): void {
    if (this.#dropped === this.#droppedNoted || this.#state !== "open") return;
    const records = this.#dropped - this.#droppedNoted;
    this.#droppedNoted = this.#dropped;
    this.enqueue({ type: "notice", at: this.#clock.now(), event: "dropped", details: { records } });
  }
}

/** Everybody gets an error object of their own. */
function again(error: unknown, path: string): GuardError {
  const { code, message, retryable, requeueAfterMs, cause } = unavailable(path, error);
  const details = { retryable, cause, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) };
  return new GuardError(code, message, details);
}
