import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  fieldsAfter,
  formatVersion,
  hashLine,
  type JournalHead,
  maxLineBytes,
  segmentName,
  segmentNumber,
} from "../../audit/line.ts";
import { diagnose, type JournalProblem } from "../../audit/problem.ts";
import { guarded, refused } from "../../audit/unavailable.ts";

/** A line as it is stored, and where. */
export interface JournalLine {
  readonly segment: number;
  /** Bytes from the beginning of the segment. */
  readonly offset: number;
  readonly seq: number;
  readonly text: string;
  /** The line's own hash. */
  readonly hash: string;
  /** The record in it; its fields may hold anything where somebody changed the file. */
  readonly record: Readonly<Record<string, unknown>>;
}

/** A segment and how many of its bytes were there when it was looked at. */
export interface SegmentFile {
  readonly segment: number;
  readonly path: string;
  readonly size: number;
}

const chunkBytes = 512 * 1024;
const newline = 10;

/**
 * Segments of a journal, in order, with their sizes now.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when the directory cannot be read.
 */
export async function listSegments(directory: string): Promise<readonly SegmentFile[]> {
  const names = await guarded(directory, () => readdir(directory));
  const numbers = names.flatMap((name) => segmentNumber(name) ?? []).sort((a, b) => a - b);
  const files = numbers.map(async (segment) => {
    const path = join(directory, segmentName(segment));
    return { segment, path, size: (await guarded(path, () => stat(path))).size };
  });
  return Promise.all(files);
}

/**
 * Reads a journal's lines, from the beginning or from the middle, while it may be written. Unlike
 * verification it goes on after damage, because whoever investigates needs what is left. It checks
 * what it reads nevertheless, and remembers the first thing that is wrong.
 */
export class JournalReader {
  readonly #directory: string;
  #segment: number;
  #offset: number;
  #head: JournalHead | undefined;
  #damage: JournalProblem | undefined;
  /** Whether the position may lie within a line, whose rest is passed over. */
  #midLine: boolean;

  /** @param from - Where to begin; the first line that begins there or after it is the first one read. */
  constructor(directory: string, from = { segment: 0, offset: 0 }) {
    this.#directory = directory;
    this.#segment = from.segment;
    this.#offset = Math.max(0, from.offset - 1);
    this.#midLine = from.offset > 0;
  }

  /** The first thing that is wrong with what was read. */
  get damage(): JournalProblem | undefined {
    return this.#damage;
  }

  /**
   * Reads up to where the journal ends now; call it again for what came since. A last line that is
   * not finished yet is left for later.
   *
   * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a file cannot be read or has a newer format.
   * @throws `signal.reason`
   */
  async *read(signal: AbortSignal): AsyncGenerator<readonly JournalLine[]> {
    for (const file of await listSegments(this.#directory)) {
      if (file.segment < this.#segment) continue;
      if (file.segment > this.#segment) this.#enter(file);
      yield* this.#readSegment(file, signal);
    }
  }

  #enter({ segment }: SegmentFile): void {
    if (this.#segment > 0 && segment > this.#segment + 1) {
      const [expected, actual] = [segmentName(this.#segment + 1), segmentName(segment)];
      this.#found({ expected, actual, what: "A segment is missing." });
    }
    this.#segment = segment;
    this.#offset = 0;
    this.#midLine = false;
  }

  async *#readSegment({ path, size }: SegmentFile, signal: AbortSignal): AsyncGenerator<readonly JournalLine[]> {
    if (size < this.#offset) this.#offset = size; // a writer took back what it could not finish
    if (size === this.#offset) return;
    const handle = await guarded(path, () => open(path, "r"));
    try {
      yield* this.#readLines(handle, path, size, signal);
    } finally {
      await handle.close();
    }
  }

  async *#readLines(
    handle: FileHandle,
    path: string,
    size: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly JournalLine[]> {
    // Byte 0 of the buffer stays free for the zero byte that is hashed in front of the first line.
    let buffer = Buffer.allocUnsafe(chunkBytes + 1);
    let filled = 1;
    for (;;) {
      signal.throwIfAborted();
      const at = this.#offset + filled - 1;
      const wanted = Math.min(buffer.length - filled, size - at);
      const { bytesRead } = await guarded(path, () => handle.read(buffer, filled, wanted, at));
      if (bytesRead === 0) return;
      const from = filled;
      filled += bytesRead;
      const lines: JournalLine[] = [];
      let start = 1;
      for (let end = buffer.indexOf(newline, from); end !== -1 && end < filled; end = buffer.indexOf(newline, start)) {
        const line = this.#midLine ? undefined : this.#line(buffer, start, end, path);
        if (line !== undefined) lines.push(line);
        this.#midLine = false;
        this.#offset += end + 1 - start;
        start = end + 1;
      }
      buffer.copy(buffer, 1, start, filled);
      filled -= start - 1;
      if (lines.length > 0) yield lines;
      if (filled < buffer.length) continue;
      if (filled <= maxLineBytes) buffer = Buffer.concat([buffer], buffer.length * 2);
      else filled = this.#passOver(filled);
    }
  }

  /** No journal wrote a line as long as this: its bytes are passed over up to the next newline. */
  #passOver(filled: number): number {
    this.#found({
      expected: `a line of at most ${maxLineBytes} bytes`,
      actual: "a longer one",
      what: "The line was not written by a journal.",
    });
    this.#offset += filled - 1;
    this.#midLine = true;
    return 1;
  }

  #line(buffer: Buffer, start: number, end: number, path: string): JournalLine | undefined {
    const text = buffer.toString("utf8", start, end);
    const record = parse(text);
    if (record?.type === "header") refuseNewer(path, record.version);
    if (this.#head !== undefined && fieldsAfter(this.#head, text) === -1) {
      this.#found(diagnose(text, this.#head));
    }
    if (record === undefined || !Number.isSafeInteger(record.seq)) {
      this.#found(diagnose(text, this.#head ?? { seq: -1, hash: "" }));
      return undefined; // its successor is compared with the line before it
    }
    const seq = record.seq as number;
    const hash = hashLine(buffer, start, end);
    this.#head = { seq, hash };
    return { segment: this.#segment, offset: this.#offset, seq, text, hash, record };
  }

  #found(finding: Pick<JournalProblem, "expected" | "actual" | "what">): void {
    this.#damaged({ segment: this.#segment, seq: (this.#head?.seq ?? -1) + 1, offset: this.#offset, ...finding });
  }

  #damaged(problem: JournalProblem): void {
    this.#damage ??= problem;
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function refuseNewer(path: string, version: unknown): void {
  if (typeof version !== "number" || version <= formatVersion) return;
  throw refused(
    path,
    `has format ${version}, and this version of provider-guard reads up to ${formatVersion}; use the version that wrote it, or a later one`,
    false,
  );
}
