import type { Clock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";

/** How a store is watched. */
export interface ReachOptions {
  readonly clock: Clock;
  /** How long a lease lasts, in milliseconds. */
  readonly leaseMs: number;
  /** Finds out whether the store answers, without leaving a trace there. */
  readonly probe: () => Promise<unknown>;
}

const probeEveryMs = 250;

/**
 * Knows whether a store can be reached. After a failure nothing but probes is sent until one is
 * answered, so that a replica that goes on alone is not believed to be there.
 */
export class Reach {
  readonly #options: ReachOptions;
  #lostAt: number | undefined;
  #closed = false;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  get reachable(): boolean {
    return this.#lostAt === undefined;
  }

  /**
   * Whether this replica's part is its own by now: one lease's time after the last request the store
   * believes it gone, and another one later everything that was lent of its part has ended.
   */
  get alone(): boolean {
    return this.#lostAt !== undefined && this.#options.clock.monotonic() >= this.#lostAt + 2 * this.#options.leaseMs;
  }

  /** @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` at once while the store is out of reach; whatever `step` throws. */
  async run<T>(step: () => Promise<T>): Promise<T> {
    if (this.#lostAt !== undefined) {
      const message = "the state store cannot be reached; it is asked again several times a second";
      throw new GuardError("ERR_STATE_UNAVAILABLE", message, { retryable: true, requeueAfterMs: 1000 });
    }
    try {
      return await step();
    } catch (error) {
      this.#lost();
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
  }

  #lost(): void {
    const wasReachable = this.#lostAt === undefined;
    this.#lostAt = this.#options.clock.monotonic(); // requests that failed later may have arrived later
    if (wasReachable) this.#probeLater();
  }

  #probeLater(): void {
    this.#options.clock.setTimeout(() => {
      if (this.#closed) return;
      this.#options.probe().then(
        () => {
          this.#lostAt = undefined;
        },
        () => this.#probeLater(),
      );
    }, probeEveryMs);
  }
}
