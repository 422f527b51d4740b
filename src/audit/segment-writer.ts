import { type BigIntStats, close, closeSync, fstatSync, open, read, statSync } from "node:fs";
import { GuardError } from "../core/errors.ts";
import type { JournalFiles } from "./journal-files.ts";
import { hashLine, type JournalHead } from "./line.ts";
import { refused, unavailable } from "./unavailable.ts";

/** Where a segment stands when it is opened for writing. */
export interface SegmentStart {
  readonly path: string;
  /** Bytes up to the end of the last line. */
  readonly size: number;
  /** Bytes of the last line, newline included. */
  readonly lastLine: number;
  readonly head: JournalHead;
}

/** Puts batches of lines durably at the end of one segment, or not at all. */
export class SegmentWriter {
  readonly #files: JournalFiles;
  readonly #path: string;
  #fd: number;
  #identity: BigIntStats;
  #size: number;
  #lastLine: number;
  #head: JournalHead;
  /** Set after a failure: `tail` when bytes may stand after the last good line, `pages` when the disk failed. */
  #suspect: "tail" | "pages" | undefined;

  private constructor(files: JournalFiles, start: SegmentStart, fd: number) {
    this.#files = files;
    this.#path = start.path;
    this.#size = start.size;
    this.#lastLine = start.lastLine;
    this.#head = start.head;
    this.#fd = fd;
    this.#identity = fstatSync(fd, { bigint: true });
  }

  /** @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`, naming the file. */
  static async open(files: JournalFiles, start: SegmentStart): Promise<SegmentWriter> {
    return new SegmentWriter(files, start, await openDescriptor(start.path));
  }

  get path(): string {
    return this.#path;
  }

  /** Bytes that are durable. */
  get size(): number {
    return this.#size;
  }

  /** The last durable line. */
  get head(): JournalHead {
    return this.#head;
  }

  /**
   * Writes whole lines and makes them durable.
   *
   * @param bytes - Holds the lines in its first `length` bytes.
   * @param lastLine - Bytes of the last of them, newline included.
   * @param head - The chain after them.
   * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`: none of the lines is recorded then.
   */
  async commit(bytes: Uint8Array, length: number, lastLine: number, head: JournalHead): Promise<void> {
    try {
      await this.#repair();
      this.#checkPlace(this.#size);
      this.#suspect = "tail";
      for (let done = 0; done < length; ) {
        const written = await this.#files.write(this.#fd, bytes, done, length - done, this.#size + done);
        if (written === 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
        done += written;
      }
      this.#suspect = "pages";
      await this.#files.sync(this.#fd);
      this.#suspect = "tail";
      this.#checkPlace(this.#size + length);
    } catch (error) {
      // At once, so that what failed is not found in the file by the next process; if this fails too,
      // the next commit tries again before it writes anything.
      await this.#repair().catch(() => {});
      throw unavailable(this.#path, error);
    }
    this.#suspect = undefined;
    this.#size += length;
    this.#lastLine = lastLine;
    this.#head = head;
  }

  /** Lets go of the file. */
  close(): Promise<void> {
    return new Promise((resolve) => close(this.#fd, () => resolve()));
  }

  /** Lets go of the file at once; only while no commit is in flight. */
  closeSync(): void {
    closeSync(this.#fd);
  }

  /**
   * A writer whose file was moved, removed or replaced would go on into a file that nobody reads.
   * Synchronous: the inode is in memory, and a trip through the thread pool costs ten times as much.
   */
  #checkPlace(size: number): void {
    const found = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) throw refused(this.#path, "was removed or moved away while it was written", true);
    if (found.ino !== this.#identity.ino || found.dev !== this.#identity.dev) {
      throw refused(this.#path, "was replaced by another file while it was written", true);
    }
    if (found.size !== BigInt(size)) {
      throw refused(this.#path, `was changed by somebody else: ${found.size} bytes instead of ${size}`, true);
    }
  }

  async #repair(): Promise<void> {
    if (this.#suspect === undefined) return;
    if (this.#suspect === "pages") await this.#reopen();
    const { size } = fstatSync(this.#fd, { bigint: true });
    // Shorter than what was acknowledged: extending it with zeros would only hide that.
    if (size < BigInt(this.#size)) {
      throw refused(this.#path, `was cut to ${size} bytes by somebody else; ${this.#size} were recorded`, false);
    }
    await this.#files.truncate(this.#fd, this.#size);
    this.#suspect = undefined;
  }

  /**
   * After a failed fdatasync the kernel may mark the pages clean although they never reached the disk,
   * and report the error only once, so that a second fdatasync would succeed and mean nothing. The
   * failed lines are therefore cut and written again, as new dirty pages, through a new descriptor;
   * and the last good line, which may share a block with them, is read back first.
   */
  async #reopen(): Promise<void> {
    const fd = await openDescriptor(this.#path);
    try {
      const found = fstatSync(fd, { bigint: true });
      if (found.ino !== this.#identity.ino || found.dev !== this.#identity.dev) {
        throw refused(this.#path, "was replaced by another file while it was written", true);
      }
      await this.#rereadLast(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(this.#fd);
    this.#fd = fd;
    this.#suspect = "tail";
  }

  async #rereadLast(fd: number): Promise<void> {
    const bytes = Buffer.alloc(this.#lastLine + 1); // one more for the zero byte in front
    const bytesRead = await new Promise<number>((resolve, reject) => {
      const at = this.#size - this.#lastLine;
      read(fd, bytes, 1, this.#lastLine, at, (error, count) => (error ? reject(error) : resolve(count)));
    });
    if (bytesRead === this.#lastLine && hashLine(bytes, 1, bytes.length - 1) === this.#head.hash) return;
    throw new GuardError(
      "ERR_AUDIT_CORRUPT",
      `audit journal ${this.#path}: the device lost the line with seq ${this.#head.seq}, which had been written durably`,
    );
  }
}

function openDescriptor(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, "r+", (error, fd) => (error ? reject(unavailable(path, error)) : resolve(fd)));
  });
}
