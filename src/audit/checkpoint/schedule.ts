import type { Clock } from "../../core/clock.ts";

/** Pauses after failures, in milliseconds: the first, and the longest. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

/** How often checkpoints are signed. */
export interface ScheduleOptions {
  readonly everyRecords: number;
  readonly everyMs: number;
}

/** When the next checkpoint is due: the first at once, which tells others that, and where, the journal goes on. */
export class Schedule {
  readonly #clock: Clock;
  readonly #options: ScheduleOptions;
  #failures = 0;
  /** When it is due even if nothing is recorded, and before when it is not; monotonic. */
  #dueAt: number;
  #notBefore: number;

  constructor(clock: Clock, options: ScheduleOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#dueAt = clock.monotonic();
    this.#notBefore = this.#dueAt;
  }

  /** Milliseconds until it is due even if nothing is recorded. */
  get dueInMs(): number {
    return this.#dueAt - this.#clock.monotonic();
  }

  /** Whether the last one failed. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** @param unsigned - Lines without a checkpoint. */
  isDue(unsigned: number): boolean {
    const now = this.#clock.monotonic();
    return now >= this.#dueAt || (now >= this.#notBefore && unsigned >= this.#options.everyRecords);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#notBefore = this.#clock.monotonic();
    this.#dueAt = this.#notBefore + this.#options.everyMs;
  }

  failed(): void {
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#failures++);
    this.#notBefore = this.#clock.monotonic() + pauseMs;
    this.#dueAt = this.#notBefore;
  }
}
