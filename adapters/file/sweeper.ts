import type { Clock, Timer } from "../../src/core/clock.ts";
import type { Environment } from "./environment.ts";
import { endRange, parseEnd } from "./layout.ts";
import type { Step } from "./operation.ts";

/** Entries that are removed in one go. */
const bunch = 500;
/** Shortest and longest time between two looks at what has ended, in milliseconds. */
const pauses = { shortest: 1_000, longest: 60_000 } as const;

/** Removes entries whose end has come, a bounded number at a time, while there are entries that end. */
export class Sweeper {
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #run: (key: Buffer, step: Step<boolean>) => Promise<boolean>;
  #timer: Timer | undefined;
  #closed = false;

  constructor(environment: Environment, clock: Clock, run: (key: Buffer, step: Step<boolean>) => Promise<boolean>) {
    this.#environment = environment;
    this.#clock = clock;
    this.#run = run;
  }

  /** An entry was written that ends: it will be looked after. */
  arm(delayMs: number = pauses.shortest): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimeout(() => void this.#sweep(), delayMs);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #sweep(): Promise<void> {
    let pauseMs: number | undefined = pauses.longest; // where the folder fails just now
    try {
      while (!this.#closed && (await this.#removeSome()) === bunch);
      pauseMs = this.#closed ? undefined : this.#untilNext();
    } catch {
      // Whoever uses the store is told; ended entries are not handed out meanwhile.
    }
    this.#timer = undefined;
    if (pauseMs !== undefined) this.arm(pauseMs);
  }

  async #removeSome(): Promise<number> {
    const now = this.#clock.now();
    const ended = this.#environment.read((database) => [...database.getKeys({ ...endRange(now), limit: bunch })]);
    const removed = await Promise.all(
      ended.map((note) =>
        this.#run(parseEnd(note).entry, (found) =>
          found !== undefined && found.endsAt <= now ? { result: true, write: null } : { result: false },
        ),
      ),
    );
    return removed.filter(Boolean).length;
  }

  #untilNext(): number | undefined {
    const range = endRange(Number.MAX_VALUE);
    const [next] = this.#environment.read((database) => [...database.getKeys({ ...range, limit: 1 })]);
    if (next === undefined) return undefined;
    return Math.min(pauses.longest, Math.max(pauses.shortest, parseEnd(next).at - this.#clock.now()));
  }
}
