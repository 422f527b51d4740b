import { type Clock, type Random, sleep } from "../../core/clock.ts";
import type { NoticeRecord } from "../../core/journal.ts";
import { bounded } from "../bounded.ts";
import type { JournalFeed, JournalPosition } from "../feed.ts";
import { Backoff } from "./backoff.ts";
import { type Cursor, CursorFile, type Place } from "./cursor-file.ts";
import { type Next, nextPart } from "./next-part.ts";
import { notShipped } from "./not-shipped.ts";
import { checkpointRow, numbersOf, type Row, segmentRow } from "./row.ts";
import type { ShippedObject, ShippingSink } from "./sink.ts";

/** What a {@link Shipper} works with. */
export interface ShipperOptions {
  readonly sink: ShippingSink;
  readonly feed: JournalFeed;
  readonly clock: Clock;
  readonly random: Random;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly maxPartBytes: number;
  readonly maxBackoffMs: number;
  readonly noticeAfterMs: number;
  notice(event: string, details: NonNullable<NoticeRecord["details"]>): void;
}

type RowName = keyof Omit<Cursor, "chain">;

/** The journal is not what was shipped of it: to go on would bury that. */
class Diverged extends Error {}

/** Ships one journal to one sink, one object at a time, for as long as the journal is open. */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #rows: Readonly<Record<RowName, Row>>;
  readonly #ended = new AbortController();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  readonly #backoff: Backoff;
  #file: CursorFile | undefined;
  #cursor: Cursor | undefined;
  #through = 0;
  /** When everything was durable that the sink has by now, in monotonic milliseconds. */
  #currentAt: number;
  /** What the sink has not acknowledged: whoever ignores its signal holds one object in memory, not one each time. */
  #sending: ShippedObject | undefined;
  #noticed = false;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#rows = { journal: segmentRow(options.feed), checkpoints: checkpointRow, earlier: checkpointRow };
    this.#currentAt = options.clock.monotonic();
    this.#backoff = new Backoff(options.random, options.maxBackoffMs);
    this.#running = this.#run().finally(() => this.#file?.close());
  }

  get sink(): string {
    return this.#options.sink.name;
  }

  /** The last segment that the sink has whole, with its checkpoints. */
  get through(): number {
    return this.#through;
  }

  /** Where the sink is in the journal. */
  get place(): Place | undefined {
    return this.#cursor?.journal;
  }

  /** Milliseconds for which the oldest bytes that the sink has not have been durable here, at most. */
  get behindMs(): number {
    const { feed, clock } = this.#options;
    const { segment, offset } = this.#cursor?.journal ?? { segment: 0, offset: 0 };
    const current = segment === feed.position.segment && offset === feed.position.offset;
    return current ? 0 : clock.monotonic() - this.#currentAt;
  }

  /** Tries once more to ship what is left. */
  async close(withinMs: number): Promise<void> {
    this.#closing.abort();
    const { clock, sink } = this.#options;
    const late = () => this.#ended.abort(notShipped(sink.name, `no answer within ${withinMs} ms of closing`));
    const timer = clock.setTimeout(late, withinMs);
    await this.#running;
    timer.cancel();
  }

  /** Tries nothing more. */
  abandon(): Promise<void> {
    this.#closing.abort();
    this.#ended.abort();
    return this.#running;
  }

  /** The last segment of whose checkpoints nothing more will be shipped. */
  get checkpointsThrough(): number {
    const { earlier, checkpoints } = this.#cursor ?? {};
    return ((earlier ?? checkpoints)?.segment ?? 1) - 1;
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    while (!this.#ended.signal.aborted) {
      const last = this.#closing.signal.aborted;
      try {
        await this.#pass();
        this.#backoff.succeeded();
        this.#caughtUp();
      } catch (error) {
        if (error instanceof Diverged) return;
        this.#backoff.failed(error);
        this.#noticeLag();
      }
      if (last) return;
      await sleep(clock, this.#backoff.pauseMs || intervalMs, this.#closing.signal).catch(() => {});
    }
  }

  #noticeLag(): void {
    const { noticeAfterMs, notice, sink } = this.#options;
    const { behindMs } = this;
    if (this.#noticed || behindMs < noticeAfterMs) return;
    this.#noticed = true;
    notice("shipping-behind", { sink: sink.name, seconds: Math.round(behindMs / 1000), reason: this.#backoff.reason });
  }

  #caughtUp(): void {
    if (!this.#noticed) return;
    this.#noticed = false;
    this.#options.notice("shipping-caught-up", { sink: this.#options.sink.name });
  }

  /** Ships everything that is durable now. */
  async #pass(): Promise<void> {
    const { feed, clock } = this.#options;
    if (feed.position.segment === 0) return;
    this.#file ??= await CursorFile.open(feed.directory, this.#options.sink.name);
    this.#cursor ??= await this.#begin(this.#file.value);
    const target = feed.position;
    const startedAt = clock.monotonic();
    // One look at least: a journal that ends before what was shipped of it was cut.
    while ((await this.#step("journal")) && !this.#hasReached(target));
    await this.#checkpoints();
    this.#currentAt = startedAt;
  }

  #hasReached({ segment, offset }: JournalPosition): boolean {
    const at = (this.#cursor as Cursor).journal;
    return at.segment > segment || (at.segment === segment && at.offset >= offset);
  }

  async #begin(known: Cursor | undefined): Promise<Cursor> {
    const { feed } = this.#options;
    if (known?.chain === feed.chain) {
      this.#through = known.journal.segment - 1;
      return known;
    }
    const [oldest = 1] = await numbersOf(this.#rows.journal, feed.directory);
    return { chain: feed.chain, journal: { segment: oldest, offset: 0 }, checkpoints: { segment: 1, offset: 0 } };
  }

  /** @returns Whether it got any further. */
  async #step(name: RowName): Promise<boolean> {
    const { feed, maxPartBytes } = this.#options;
    const at = (this.#cursor as Cursor)[name];
    if (at === undefined) return false;
    const next = await nextPart(feed, this.#rows[name], at, maxPartBytes);
    switch (next.kind) {
      case "nothing":
        return false;
      case "diverged":
        return this.#diverged(this.#rows[name].nameOf(at.segment), at, next.reason);
      case "file":
        return name !== "earlier" && this.#nextFile(name, at, next);
      case "part":
        await this.#save(name, { ...at, sending: next.after.offset });
        await this.#put(next.object);
        await this.#save(name, next.after);
        this.#backoff.succeeded();
        this.#noticeLag();
        return true;
    }
  }

  async #nextFile(name: RowName, at: Place, { segment, gone }: Next & { kind: "file" }): Promise<boolean> {
    if (name === "journal") {
      const { sink, notice } = this.#options;
      if (gone) notice("shipping-gap", { sink: sink.name, from: at.segment, to: segment - 1 });
      await this.#checkpoints();
    }
    const hash = gone || at.hash === undefined ? {} : { hash: at.hash };
    if (name === "checkpoints" && !gone) await this.#save("earlier", at);
    await this.#save(name, { segment, offset: 0, ...hash });
    if (name === "journal") this.#through = segment - 1;
    return true;
  }

  async #checkpoints(): Promise<void> {
    while (await this.#step("earlier"));
    while (await this.#step("checkpoints"));
  }

  #diverged(file: string, { offset }: Place, reason: string): never {
    const { sink, notice } = this.#options;
    notice("shipping-diverged", { sink: sink.name, file, offset, reason });
    throw new Diverged(reason);
  }

  async #save(name: RowName, place: Place): Promise<void> {
    const cursor = { ...(this.#cursor as Cursor), [name]: place };
    await this.#file?.save(cursor);
    this.#cursor = cursor;
  }

  async #put(made: ShippedObject): Promise<void> {
    const object = this.#sending?.name === made.name ? this.#sending : made;
    this.#sending = object;
    const { clock, sink, timeoutMs } = this.#options;
    const late = () => notShipped(sink.name, `no answer within ${timeoutMs} ms`);
    const put = async (signal: AbortSignal) => sink.put(object, { signal, clock });
    await bounded(clock, timeoutMs, this.#ended.signal, late, put);
    this.#sending = undefined;
  }
}
