import { setTimeout as realSleep } from "node:timers/promises";

/** What a command has of the process around it. */
export interface Terminal {
  /**
   * Writes data to standard output, and waits while its reader is slow. Does nothing once the reader has gone.
   * @throws An `Error` when it cannot be written: what is there is no whole answer.
   */
  print(text: string): Promise<void>;
  /** Writes one line for people to standard error. */
  say(line: string): void;
  /** Shows how far long work is, on one line that is written over; nothing unless somebody watches. */
  progress(line: string): void;
  /** Progress is shown although standard error is no terminal. */
  showProgress(): void;
  /** Aborts when the process is told to end. */
  readonly interrupted: AbortSignal;
  /** Aborts, too, when nobody reads standard output any more, e.g. behind `| head`. */
  readonly unwatched: AbortSignal;
  /** Unix milliseconds. */
  now(): number;
  /** Waits in real time and keeps the process alive. @throws `signal.reason` */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Why {@link Terminal.interrupted} has aborted. */
export class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: "SIGINT" | "SIGTERM") {
    super(signal);
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

/** Why {@link Terminal.unwatched} has aborted when the reader has gone. */
export class ReaderGone extends Error {}

const progressEveryMs = 200;

/** The terminal of this process. */
export function processTerminal(now: () => number): Terminal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(new Interrupted(signal).exitCode); // whoever insists gets out at once
      interrupted.abort(new Interrupted(signal));
    });
  }
  const gone = new AbortController();
  const lose = (error: NodeJS.ErrnoException): unknown => {
    gone.abort(error.code === "EPIPE" ? new ReaderGone() : new Error(`standard output: ${error.message}`));
    return gone.signal.reason;
  };
  process.stdout.on("error", lose);
  process.stderr.on("error", () => {}); // nobody left to tell

  const canWipe = process.stderr.isTTY === true && process.env.TERM !== "dumb";
  let watched = canWipe;
  let shownAt = Number.NEGATIVE_INFINITY;
  let shown = false;
  const wipe = () => {
    if (!shown) return;
    shown = false;
    process.stderr.write("\r\x1b[K");
  };
  return {
    print(text) {
      wipe();
      return new Promise((resolve, reject) => {
        const end = (reason: unknown) =>
          reason instanceof Error && !(reason instanceof ReaderGone) ? reject(reason) : resolve();
        if (gone.signal.aborted) return end(gone.signal.reason);
        process.stdout.write(text, (error) => end(error ? lose(error) : undefined));
      });
    },
    say(line) {
      wipe();
      process.stderr.write(`${line}\n`);
    },
    progress(line) {
      const at = performance.now();
      if (!watched || at - shownAt < progressEveryMs) return;
      shownAt = at;
      shown = canWipe;
      process.stderr.write(shown ? `\r\x1b[K${line}` : `${line}\n`);
    },
    showProgress() {
      watched = true;
    },
    interrupted: interrupted.signal,
    unwatched: AbortSignal.any([interrupted.signal, gone.signal]),
    now,
    async sleep(ms, signal) {
      await realSleep(ms, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    },
  };
}

// Controls, invisible formatting (which can turn the direction of text around), line separators, half characters.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A text from a journal as it may be shown on a terminal: whoever named something cannot move the cursor. */
export const printable = (text: string): string =>
  text.replace(unprintable, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
