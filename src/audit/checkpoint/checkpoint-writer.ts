import type { Clock, Timer } from "../../core/clock.ts";
import { type GuardError, isGuardError } from "../../core/errors.ts";
import type { AuditRecord, JournalContext } from "../../core/journal.ts";
import { noTelemetry } from "../../core/telemetry.ts";
import type { FollowingHandle, JournalFeed } from "../feed.ts";
import { type CheckpointAppender, checkpointAppender, type StoredCheckpoint } from "./checkpoint-files.ts";
import { formatTreeHead } from "./checkpoint-note.ts";
import type { JournalTree } from "./journal-tree.ts";
import { inconsistent, resumeTree } from "./resume.ts";
import { Schedule, type ScheduleOptions } from "./schedule.ts";
import { type SigningOptions, signatureOf, tooLate, unsigned } from "./signature.ts";
import type { VerifierKey } from "./verifier-key.ts";
import type { Witness } from "./witness.ts";
import { Witnessing } from "./witnessing.ts";

/** How a {@link CheckpointWriter} works. */
export interface CheckpointSettings extends SigningOptions, ScheduleOptions {
  readonly formerKeys: readonly VerifierKey[];
  readonly origin: string;
  readonly witnesses: readonly Witness[];
  readonly onCheckpoint?: ((note: string) => void) | undefined;
  readonly onProblem?: ((error: GuardError) => void) | undefined;
}

/** Signs one journal, from its opening to its closing. */
export class CheckpointWriter implements FollowingHandle {
  readonly produces = true;
  readonly #settings: CheckpointSettings;
  readonly #feed: JournalFeed;
  readonly #journal: { enqueue(record: AuditRecord): void };
  readonly #clock: Clock;
  readonly #append: CheckpointAppender;
  readonly #schedule: Schedule;
  readonly #witnessing: Witnessing;
  readonly #running: Promise<void>;
  readonly #end: () => void;
  readonly #stop = new AbortController();
  #tree: JournalTree | undefined;
  /** The last segment that the newest checkpoint covers to its end. */
  #covered = 0;
  /** Lines under the newest checkpoint. */
  #signed = 0;
  /** When it was signed, or when this writer began; monotonic. */
  #signedAt: number;
  #timer: Timer | undefined;
  #wake = () => {};
  #closing = false;
  #abandoned = false;

  constructor(
    settings: CheckpointSettings,
    feed: JournalFeed,
    journal: { enqueue(record: AuditRecord): void },
    { clock, telemetry = noTelemetry }: JournalContext,
  ) {
    this.#settings = settings;
    this.#feed = feed;
    this.#journal = journal;
    this.#clock = clock;
    this.#append = checkpointAppender(feed.directory);
    this.#schedule = new Schedule(clock, settings);
    this.#signedAt = clock.monotonic();
    this.#witnessing = new Witnessing(settings.witnesses, {
      clock,
      directory: feed.directory,
      store: (stored) => this.#store(stored),
      failed: (error) => this.#report("witness-failed", error),
      recovered: (name) => this.#notice("witness-recovered", { witness: name }),
    });
    const unsubscribe = feed.onCommit(() => {
      if (this.#isDue()) this.#wake();
    });
    const { origin } = settings;
    const gauges = [
      telemetry.gauge("audit.checkpoint.age", "Seconds since a checkpoint was signed, or signing began", (observe) =>
        observe((clock.monotonic() - this.#signedAt) / 1000, { origin }),
      ),
      telemetry.gauge("audit.checkpoint.size", "Lines under the newest checkpoint", (observe) =>
        observe(this.#signed, { origin }),
      ),
    ];
    this.#running = this.#run().finally(unsubscribe);
    this.#end = () => {
      for (const end of gauges) end();
    };
  }

  /** Signs what has no checkpoint yet, if that succeeds at the first try; then witnesses get their last one. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake();
    const { signTimeoutMs } = this.#settings;
    const late = this.#clock.setTimeout(() => this.#stop.abort(tooLate(signTimeoutMs)), signTimeoutMs);
    await this.#running;
    late.cancel();
    await this.#witnessing.close();
    this.#end();
  }

  async abandon(): Promise<void> {
    this.#abandoned = true;
    this.#end();
    this.#stop.abort();
    this.#wake();
    await Promise.all([this.#running, this.#witnessing.abandon()]);
  }

  /** Retention must not remove what is not signed yet, nor the line that the next process goes on from. */
  shippedThrough(): number {
    return this.#covered;
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#untilDue();
      if (this.#abandoned) return;
      const last = this.#closing; // what was begun before may have left out lines
      if (last && this.#tree !== undefined && this.#unsigned === 0 && !this.#schedule.failing) return;
      try {
        this.#tree ??= await this.#resume();
        await this.#sign(this.#tree);
        this.#succeeded();
      } catch (error) {
        if (this.#abandoned || !this.#failed(error)) return;
      }
      if (last) return;
    }
  }

  get #unsigned(): number {
    return this.#feed.position.seq + 1 - this.#signed;
  }

  #isDue(): boolean {
    return this.#closing || this.#abandoned || this.#schedule.isDue(this.#unsigned);
  }

  async #untilDue(): Promise<void> {
    if (this.#isDue()) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#clock.setTimeout(resolve, this.#schedule.dueInMs);
    });
    this.#timer?.cancel();
  }

  async #resume(): Promise<JournalTree> {
    const { verifierKey, formerKeys } = this.#settings;
    const tree = await resumeTree(this.#feed, [verifierKey, ...formerKeys]);
    this.#remember(tree);
    return tree;
  }

  async #sign(tree: JournalTree): Promise<void> {
    const { seq, hash } = this.#feed.position;
    await tree.grow(seq, this.#stop.signal);
    const { state } = tree;
    if (state.last.hash !== hash) {
      throw inconsistent(this.#feed.directory, `line ${seq} is not the one that was written`);
    }
    const time = Math.floor(this.#clock.now() / 1_000);
    const text = formatTreeHead({ origin: this.#settings.origin, size: tree.size, root: tree.root(), time });
    const signature = await signatureOf(text, this.#settings, this.#clock, this.#stop.signal);
    const stored = { ...state, note: `${text}\n${signature}` };
    await this.#store({ ...stored, starts: tree.starts });
    tree.forgetStarts();
    this.#remember(tree);
    this.#signedAt = this.#clock.monotonic();
    this.#witnessing.offer(stored);
  }

  #remember({ size, state }: JournalTree): void {
    this.#signed = size;
    this.#covered = state.last.segment - 1;
  }

  async #store(stored: StoredCheckpoint): Promise<void> {
    await this.#append(stored);
    quietly(this.#settings.onCheckpoint, stored.note);
  }

  #succeeded(): void {
    if (this.#schedule.failing) this.#notice("checkpoint-recovered", { size: this.#signed });
    this.#schedule.succeeded();
  }

  /** @returns Whether to try again. */
  #failed(cause: unknown): boolean {
    const error = isGuardError(cause) ? cause : unsigned("it failed", cause);
    if (!error.retryable) {
      this.#report("checkpoint-refused", error);
      return false;
    }
    if (!this.#schedule.failing) this.#report("checkpoint-failed", error);
    this.#schedule.failed();
    return true;
  }

  #report(event: string, error: GuardError): void {
    this.#notice(event, { code: error.code, size: this.#signed });
    quietly(this.#settings.onProblem, error);
  }

  #notice(event: string, details: Readonly<Record<string, string | number>>): void {
    this.#journal.enqueue({ type: "notice", at: this.#clock.now(), event, details });
  }
}

/** Tells somebody whose own failure is no reason to stop signing. */
function quietly<T>(tell: ((value: T) => void) | undefined, value: T): void {
  try {
    tell?.(value);
  } catch {
    // it was said that it must not throw
  }
}
