import { join } from "node:path";
import { newId } from "../core/id.ts";
import type { JournalContext } from "../core/journal.ts";
import type { Entry } from "./backlog.ts";
import { type CommitFeed, commitFeed } from "./commit-feed.ts";
import { frameEntry } from "./entry.ts";
import type { JournalFeed } from "./feed.ts";
import type { JournalFiles } from "./journal-files.ts";
import { type EndRecord, emptyChain, formatVersion, type HeaderRecord, segmentName } from "./line.ts";
import { LineEncoder } from "./line-encoder.ts";
import { OpenIntents } from "./open-intents.ts";
import type { Recovered } from "./recover.ts";
import { segmentOpening } from "./segment-opening.ts";
import { SegmentWriter } from "./segment-writer.ts";

/** What a line adds to its record, about. */
const prefixLength = 72;

/** How a {@link JournalWriter} divides the journal. */
export interface RotationSettings {
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  /** How long an open intent is carried over to the next segment, in milliseconds. */
  readonly resumeWindowMs: number;
}

/** What a {@link JournalWriter} writes, and where. */
export interface JournalWriterOptions {
  readonly files: JournalFiles;
  readonly directory: string;
  readonly context: JournalContext;
  readonly settings: RotationSettings;
  /** What earlier processes left; without it a new journal begins with the first commit. */
  readonly found: Recovered | undefined;
}

/**
 * Writes a journal across its segments. One that is full or old is closed by a line of the very batch
 * that made it so; what follows it is made afterwards, with all it begins with, under a temporary name.
 * So there are two states that a crash can leave, and either is where writing goes on: the segment is
 * open, or it is closed and the next does not exist.
 */
export class JournalWriter {
  readonly #files: JournalFiles;
  readonly #directory: string;
  readonly #context: JournalContext;
  readonly #settings: RotationSettings;
  readonly #encoder = new LineEncoder();
  readonly #feed: CommitFeed;
  readonly #intents: OpenIntents;
  #segment: SegmentWriter | undefined;
  #number: number;
  #closed: boolean;
  /** Bytes that the segment began with: what was carried over must not make it full. */
  #opening: number;
  #oldAt: number;
  #onRotation: () => void = () => {};

  private constructor(options: JournalWriterOptions, segment: SegmentWriter | undefined) {
    const { files, directory, context, settings, found } = options;
    this.#files = files;
    this.#directory = directory;
    this.#context = context;
    this.#settings = settings;
    this.#segment = segment;
    this.#number = found?.segment ?? 0;
    this.#closed = found?.closed ?? true;
    this.#intents = found?.intents ?? new OpenIntents();
    this.#opening = found?.carriedBytes ?? 0;
    this.#oldAt = this.#oldFrom(found?.createdAt ?? 0);
    const chain = found?.chain ?? newId(context.clock, context.random);
    const head = found?.head ?? emptyChain;
    this.#feed = commitFeed(directory, chain, { segment: this.#number, offset: found?.size ?? 0, ...head });
  }

  /** @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`, naming the file. */
  static async open(options: JournalWriterOptions): Promise<JournalWriter> {
    const { files, found } = options;
    return new JournalWriter(options, found === undefined ? undefined : await SegmentWriter.open(files, found));
  }

  /** The file that was written last. */
  get path(): string {
    return this.#segment?.path ?? join(this.#directory, segmentName(1));
  }

  get feed(): JournalFeed {
    return this.#feed.feed;
  }

  /** Intents without a clear outcome, as the durable part of the journal has them. */
  get intents(): Pick<OpenIntents, "has"> {
    return this.#intents;
  }

  /** Whether a segment is closed that nothing follows yet, or one is old and holds more than it began with. */
  get wantsRotation(): boolean {
    if (this.#segment === undefined) return false;
    return this.#closed || (this.oldInMs <= 0 && !this.#isEmpty(this.#segment));
  }

  /** Milliseconds until the segment is old; 0 or less once it is. */
  get oldInMs(): number {
    return this.#oldAt - this.#context.clock.monotonic();
  }

  /**
   * Makes a record durable that is no reason to close the segment, however old that grows: what the
   * journal says of itself would else make one segment after another.
   */
  async aside(record: () => Promise<void>): Promise<void> {
    const { segment, seq } = this.feed.position;
    const empty = this.#segment !== undefined && this.#isEmpty(this.#segment);
    await record();
    const after = this.feed.position;
    if (empty && after.segment === segment && after.seq === seq + 1) this.#opening = after.offset;
  }

  /** Calls back after each new segment. */
  onRotation(callback: () => void): void {
    this.#onRotation = callback;
  }

  /**
   * Writes records and makes them durable; without any, it rotates where that is due.
   * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`: none of them is recorded then.
   */
  async commit(entries: readonly Entry[]): Promise<void> {
    const blank = entries.every(({ text }) => text === "");
    if (blank && !this.wantsRotation) return;
    const segment = await this.#current();
    const closing = this.#isDue(segment, entries);
    if (blank && !closing) return;
    const { bytes, length, lastLine, head } = this.#encoder.encode(
      closing ? [...entries, this.#end()] : entries,
      segment.head,
    );
    await segment.commit(bytes, length, lastLine, head);
    this.#closed = closing;
    for (const entry of entries) this.#intents.see(entry);
    this.#feed.moved({ segment: this.#number, offset: segment.size, ...head });
  }

  /** Makes the segment that follows a closed one; whoever was acknowledged by then need not wait for it. */
  async advance(): Promise<void> {
    await this.#current();
  }

  async close(): Promise<void> {
    // A journal that was closed in good order ends with an open segment; else the next opening makes it.
    if (this.#segment !== undefined) await this.advance().catch(() => {});
    await this.#segment?.close();
  }

  /** Lets go of the file at once; only while nothing is in flight. */
  closeSync(): void {
    this.#segment?.closeSync();
  }

  async #current(): Promise<SegmentWriter> {
    if (this.#segment !== undefined && !this.#closed) return this.#segment;
    const { clock, principal } = this.#context;
    const before = this.#segment;
    const createdAt = clock.now();
    const segment = this.#number + 1;
    const header: HeaderRecord = {
      type: "header",
      version: formatVersion,
      chain: this.feed.chain,
      segment,
      createdAt,
      principal,
      ...(before === undefined ? {} : { follows: { segment: this.#number, ...before.head } }),
    };
    this.#intents.forgetBefore(createdAt - this.#settings.resumeWindowMs);
    const opening = segmentOpening(header, this.#intents.list());
    const { bytes, length, lastLine, head } = this.#encoder.encode(opening, before?.head ?? emptyChain);
    const name = segmentName(segment);
    await this.#files.create(this.#directory, name, bytes.subarray(0, length));
    const path = join(this.#directory, name);
    const made = await SegmentWriter.open(this.#files, { path, size: length, lastLine, head });
    this.#segment = made;
    this.#number = segment;
    this.#closed = false;
    this.#opening = length;
    this.#oldAt = this.#oldFrom(createdAt);
    await before?.close();
    this.#feed.moved({ segment, offset: length, ...head });
    this.#onRotation();
    return made;
  }

  #isDue(segment: SegmentWriter, entries: readonly Entry[]): boolean {
    if (this.oldInMs <= 0) {
      if (!this.#isEmpty(segment)) return true;
      this.#oldAt = this.#context.clock.monotonic() + this.#settings.segmentAgeMs; // it begins with its first record
    }
    let size = segment.size - this.#opening;
    for (const { text } of entries) size += text.length + prefixLength;
    return size >= this.#settings.segmentBytes;
  }

  #isEmpty(segment: SegmentWriter): boolean {
    return segment.size <= this.#opening;
  }

  /** When a segment grows old, on the monotonic clock: the wall clock may jump while it is written. */
  #oldFrom(createdAt: number): number {
    const { clock } = this.#context;
    const { segmentAgeMs } = this.#settings;
    return clock.monotonic() + Math.min(segmentAgeMs, Math.max(0, segmentAgeMs - (clock.now() - createdAt)));
  }

  #end(): Entry {
    const end: EndRecord = { type: "end", at: this.#context.clock.now(), next: this.#number + 1 };
    return frameEntry(end);
  }
}
