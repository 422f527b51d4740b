import type { Entry } from "./backlog.ts";
import { hashLine, type JournalHead, linePrefix } from "./line.ts";

const initialBytes = 64 * 1024;
const longestPrefix = 96;
const newline = 10;

/** Lines that are ready to be written. */
export interface EncodedLines {
  /** The buffer that the lines are in; valid until the next call. */
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Bytes of the last line, newline included. */
  readonly lastLine: number;
  /** The chain after the lines. */
  readonly head: JournalHead;
}

/** Chains records to lines, in one buffer that is used again and again. */
export class LineEncoder {
  #buffer = Buffer.allocUnsafe(initialBytes);

  /** @param head - The chain's last line. */
  encode(entries: readonly Entry[], head: JournalHead): EncodedLines {
    let { seq, hash } = head;
    let start = 1; // byte 0 is free for the zero that is hashed in front of the first line
    let lastLine = 0;
    for (const { text } of entries) {
      if (text === "") continue;
      this.#reserve(start, longestPrefix + text.length * 3);
      const prefix = linePrefix(++seq, hash);
      // The record's opening brace lands under the prefix's closing comma.
      const recordStart = start + prefix.length - 1;
      const end = recordStart + this.#buffer.write(text, recordStart);
      this.#buffer.write(prefix, start, "latin1");
      hash = hashLine(this.#buffer, start, end);
      if (start > 1) this.#buffer[start - 1] = newline;
      this.#buffer[end] = newline;
      lastLine = end + 1 - start;
      start = end + 1;
    }
    return { bytes: this.#buffer.subarray(1), length: start - 1, lastLine, head: { seq, hash } };
  }

  #reserve(used: number, more: number): void {
    if (used + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + more));
    this.#buffer.copy(larger, 0, 0, used);
    this.#buffer = larger;
  }
}
