import type { FileHandle } from "node:fs/promises";
import { guarded } from "./unavailable.ts";

const chunkBytes = 1024 * 1024;
/** Room in front of a chunk for what is left of the one before; longer rests are copied into a buffer of their own. */
const roomBytes = 64 * 1024;

/** Reads a file in chunks; the next one is read while the last is worked on. Whole lines are never copied. */
export class ReadAhead {
  readonly #handle: FileHandle;
  readonly #path: string;
  /** One is worked on, the other one read into. */
  readonly #buffers = [0, 1].map(() => Buffer.allocUnsafe(roomBytes + chunkBytes));
  #turn = 0;
  #pending: Promise<number>;
  /** Where in the file the next chunk begins. */
  #position = 0;
  /** What was read, and nobody was done with yet, is in `buffer[start, end)`; the byte before is free for use. */
  buffer = this.#buffers[0] as Buffer;
  start = roomBytes;
  end = roomBytes;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
    this.#pending = this.#read();
  }

  /**
   * Reads on. What is left of the bytes before stays in front of those that come, in whichever buffer.
   * @returns How many have come: 0 at the end of the file.
   */
  async more(): Promise<number> {
    const bytes = await this.#pending;
    const read = this.#buffers[this.#turn] as Buffer;
    const rest = this.end - this.start;
    this.#position += bytes;
    if (rest < roomBytes) {
      this.buffer.copy(read, roomBytes - rest, this.start, this.end);
      this.buffer = read;
    } else {
      const chunk = read.subarray(roomBytes, roomBytes + bytes);
      const both = Buffer.allocUnsafe(1 + rest + bytes);
      this.buffer.copy(both, 1, this.start, this.end);
      chunk.copy(both, 1 + rest);
      this.buffer = both;
    }
    this.start = rest < roomBytes ? roomBytes - rest : 1;
    this.end = this.start + rest + bytes;
    this.#turn = 1 - this.#turn;
    this.#pending = this.#read();
    return bytes;
  }

  /** Reads what is left again, from its beginning: it may have become another one. */
  async again(): Promise<void> {
    await this.#pending;
    this.#position -= this.end - this.start;
    this.end = this.start;
    this.#pending = this.#read();
  }

  /** Must be called before the file is closed. */
  async close(): Promise<void> {
    await this.#pending.catch(() => {});
  }

  #read(): Promise<number> {
    const buffer = this.#buffers[this.#turn] as Buffer;
    const read = () => this.#handle.read(buffer, roomBytes, chunkBytes, this.#position);
    const pending = guarded(this.#path, async () => (await read()).bytesRead);
    pending.catch(() => {}); // whoever asks for more is told
    return pending;
  }
}
