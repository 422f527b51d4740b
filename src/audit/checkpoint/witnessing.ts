import type { Clock } from "../../core/clock.ts";
import { sleep } from "../../core/clock.ts";
import { GuardError, isGuardError } from "../../core/errors.ts";
import { bounded } from "../bounded.ts";
import type { StoredCheckpoint } from "./checkpoint-files.ts";
import { hashConsistency } from "./subtree-hashes.ts";
import type { Witness } from "./witness.ts";

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** How often a witness may answer that it saw another size than it just said. */
const longestTalk = 4;

/** What the witnesses' work needs. */
export interface WitnessingOptions {
  readonly clock: Clock;
  readonly directory: string;
  /** Keeps a cosigned checkpoint. */
  store(stored: StoredCheckpoint): Promise<void>;
  /** Told of the first of several failures in a row. */
  failed(error: GuardError): void;
  recovered(name: string): void;
}

/** Gets cosignatures for the newest checkpoint from each witness, one request at a time for each. */
export class Witnessing {
  readonly #parts: readonly WitnessPart[];

  constructor(witnesses: readonly Witness[], options: WitnessingOptions) {
    this.#parts = witnesses.map((witness) => new WitnessPart(witness, options));
  }

  /** Wants this one cosigned, in place of older ones that still wait. */
  offer(stored: StoredCheckpoint): void {
    for (const part of this.#parts) part.offer(stored);
  }

  /** Waits for the requests that were begun or wait, and tries none again. */
  async close(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.close()));
  }

  /** Waits for nobody, and tells nobody anything any more. */
  async abandon(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.abandon()));
  }
}

class WitnessPart {
  readonly #witness: Witness;
  readonly #options: WitnessingOptions;
  readonly #closing = new AbortController();
  readonly #stop = new AbortController();
  #wanted: StoredCheckpoint | undefined;
  #running: Promise<void> | undefined;
  /** Size of the tree that the witness saw last; it is asked if need be. */
  #seen = 0;
  #failures = 0;

  constructor(witness: Witness, options: WitnessingOptions) {
    this.#witness = witness;
    this.#options = options;
  }

  offer(stored: StoredCheckpoint): void {
    this.#wanted = stored;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async abandon(): Promise<void> {
    this.#stop.abort();
    await this.close();
  }

  async #run(): Promise<void> {
    while (this.#wanted !== undefined) {
      const wanted = this.#wanted;
      this.#wanted = undefined;
      try {
        const lines = await this.#cosign(wanted);
        await this.#options.store({ ...wanted, note: wanted.note + lines });
        if (this.#failures > 0) this.#options.recovered(this.#witness.name);
        this.#failures = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (this.#failures++ === 0) this.#options.failed(asProblem(error, this.#witness.name));
        const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1));
        await sleep(this.#options.clock, pauseMs, this.#closing.signal).catch(() => {});
        if (this.#closing.signal.aborted) return;
        this.#wanted ??= wanted;
      }
    }
  }

  async #cosign({ last, note }: StoredCheckpoint): Promise<string> {
    const size = last.seq + 1;
    const { clock, directory } = this.#options;
    const { name, timeoutMs } = this.#witness;
    const refuse = (why: string) =>
      new GuardError("ERR_CHECKPOINT_UNWITNESSED", `witness ${name}: ${why}`, { retryable: true });
    const late = () => refuse(`no answer within ${timeoutMs} ms`);
    const stop = this.#stop.signal;
    for (let round = 0; round < longestTalk; round++) {
      const seen = this.#seen;
      if (seen > size) throw refuse(`it saw ${seen} lines, and there are ${size}: lines were cut off the journal`);
      const path = seen === 0 || seen === size ? [] : (await hashConsistency(directory, seen, size, stop)).path;
      const answer = await bounded(clock, timeoutMs, stop, late, (signal) =>
        this.#witness.addCheckpoint(seen, path, note, signal),
      );
      if ("lines" in answer) {
        this.#seen = size;
        return answer.lines;
      }
      if (answer.seen === seen) throw refuse("it saw another history of this journal");
      this.#seen = answer.seen;
    }
    throw refuse("says each time that it saw another size");
  }
}

function asProblem(cause: unknown, name: string): GuardError {
  if (isGuardError(cause)) return cause;
  return new GuardError("ERR_CHECKPOINT_UNWITNESSED", `witness ${name}: it failed`, { retryable: true, cause });
}
