import type { Clock, Timer } from "../../src/core/clock.ts";
import type { Entry, Kept } from "./layout.ts";

/** What a step came to. */
export interface Outcome<T> {
  readonly result: T;
  /** What the key holds from now on; `null`: nothing. Absent: as before. */
  readonly write?: Entry | null;
}

/**
 * Computes from what a key holds, past its end or not, what it shall hold. It may run more than
 * once for one result, so it must do nothing else.
 */
export type Step<T> = (found: Kept | undefined) => Outcome<T>;

/** How long somebody waits for a step. */
export interface Patience {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A step that somebody waits for, until it is done, fails, takes too long or is aborted. */
export class Operation<T = unknown> {
  readonly key: Buffer;
  readonly step: Step<T>;
  readonly clock: Clock;
  readonly done: Promise<T>;
  #settled = false;
  readonly #timer: Timer;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.reject(this.#signal?.reason);
  #resolve: (result: T) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(key: Buffer, step: Step<T>, { clock, timeoutMs, signal }: Patience, tooLate: () => unknown) {
    this.key = key;
    this.step = step;
    this.clock = clock;
    this.#signal = signal;
    this.done = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = clock.setTimeout(() => this.reject(tooLate()), timeoutMs);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Nobody waits for it any more. */
  get settled(): boolean {
    return this.#settled;
  }

  resolve(result: T): void {
    if (!this.#settle()) return;
    this.#resolve(result);
  }

  reject(error: unknown): void {
    if (!this.#settle()) return;
    this.#reject(error);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#timer.cancel();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    return true;
  }
}
