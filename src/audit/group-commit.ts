import type { Clock, Timer } from "../core/clock.ts";
import type { GuardError } from "../core/errors.ts";
import type { AuditRecord } from "../core/journal.ts";
import { Backlog, type Entry, type Waiter } from "./backlog.ts";
import { LineEncoder } from "./line-encoder.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import { ranks, serialize } from "./serialize.ts";
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

/** How a {@link GroupCommit} behaves. */
export interface GroupCommitOptions {
  readonly writer: SegmentWriter;
  readonly clock: Clock;
  /** Whether `append` waits for the disk. */
  readonly durable: boolean;
  readonly maxBacklog: number;
}

/**
 * One write and one fdatasync are in flight at a time; whatever arrives meanwhile goes into the next.
 * So the cost of a sync is shared by all who wait for it, and nobody waits for more than two.
 */
export class GroupCommit {
  readonly #writer: SegmentWriter;
  readonly #clock: Clock;
  readonly #durable: boolean;
  readonly #maxBacklog: number;
  readonly #backlog = new Backlog();
  readonly #encoder = new LineEncoder();
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
    this.#durable = options.durable;
    this.#maxBacklog = options.maxBacklog;
  }

  // A getter, because the state changes while somebody awaits.
  get #abandoned(): boolean {
    return this.#state === "abandoned";
  }

  get dropped(): number {
    return this.#dropped;
  }

  append(record: AuditRecord): Promise<void> {
    if (this.#state !== "open") return this.#gone();
    let body: string;
    try {
      body = serialize(record);
    } catch (error) {
      return Promise.reject(this.#unrecordable(error));
    }
    const rank = ranks[record.type];
    // A batching journal waits too while the disk fails, so that the caller learns of it, and while
    // half of what may be kept has piled up, so that nothing need be dropped.
    if (!this.#durable && !this.#failing && this.#backlog.size < this.#maxBacklog / 2) {
      this.#backlog.push({ body, rank });
      this.#linger();
      return done;
    }
    return this.#wait(body, rank);
  }

  enqueue(record: AuditRecord): void {
    if (this.#state !== "open") {
      this.#dropped++;
      return;
    }
    try {
      this.#backlog.push({ body: serialize(record), rank: ranks[record.type] });
    } catch {
      this.#dropped++;
    }
    if (this.#backlog.size > this.#maxBacklog) this.#dropped += this.#backlog.trim(this.#maxBacklog);
    this.#linger();
  }

  /** @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`: what was recorded waits in memory. */
  flush(): Promise<void> {
    if (this.#state !== "open") return this.#gone();
    return this.#wait("", 2);
  }

  /** Writes what can be written, counts the rest as dropped, and takes no more. */
  async close(): Promise<void> {
    const flushed = this.flush().catch(() => {});
    this.#state = "closed";
    await flushed;
    while (this.#running !== undefined) await this.#running;
    this.#timer?.cancel();
    this.#dropped += this.#backlog.size;
    this.#backlog.putBack([]);
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
    return Promise.reject(refused(this.#writer.path, "is closed", false));
  }

  #unrecordable(error: unknown): GuardError {
    const reason = error instanceof RangeError && error.message.startsWith("record of") ? error.message : undefined;
    return refused(this.#writer.path, `record cannot be written: ${reason ?? "it is not plain JSON"}`, false, error);
  }

  #wait(body: string, rank: Entry["rank"]): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting++;
      this.#backlog.push({ body, rank, waiter: { resolve, reject } });
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
        if (this.#waiting > 0) this.#soon();
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
        const lines = this.#encoder.encode(batch, this.#writer.head);
        if (lines.length > 0) await this.#writer.commit(lines.bytes, lines.length, lines.lastLine, lines.head);
      } catch (error) {
        if (this.#abandoned) return;
        this.#fail(batch, error);
        return;
      }
      if (this.#abandoned) return;
      this.#failing = false;
      this.#settle(batch);
      this.#noteDrops();
      // Those who were just told go on now: what they record next shares the next sync.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#abandoned || (this.#waiting === 0 && this.#backlog.size < worthWriting)) return;
    }
  }

  #settle(batch: readonly Entry[]): void {
    for (const { waiter } of batch) {
      if (waiter === undefined) continue;
      this.#waiting--;
      waiter.resolve();
    }
  }

  #fail(batch: readonly Entry[], error: unknown): void {
    this.#failing = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    const waiters: Waiter[] = this.#backlog.putBack(batch);
    this.#waiting -= waiters.length;
    this.#dropped += this.#backlog.trim(this.#maxBacklog);
    for (const waiter of waiters) waiter.reject(again(error, this.#writer.path));
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
  return unavailable(path, (error as GuardError).cause ?? error);
}
