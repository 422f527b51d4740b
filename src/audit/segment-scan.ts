import { type FileHandle, open } from "node:fs/promises";
import { hashLine, type JournalHead, linePrefix, maxLineBytes } from "./line.ts";
import { diagnose, type Finding, isObject, type JournalProblem } from "./problem.ts";
import { readLine, type StoredLine } from "./stored-line.ts";
import { guarded } from "./unavailable.ts";

/** Sees every line that continues the chain; says what is wrong with it nevertheless, if anything. */
export type LineVisitor = (line: StoredLine, head: JournalHead) => Finding | undefined;

/** How reading one segment ended. */
export interface SegmentScan {
  /** The last line that continues the chain. */
  readonly head: JournalHead;
  /** Bytes up to the end of that line. */
  readonly end: number;
  /** Bytes of that line, newline included; 0 if there is none in this segment. */
  readonly lastLine: number;
  /** Bytes in the file when it was read to its end. */
  readonly size: number;
  readonly problem?: JournalProblem;
  /** Whether the problem is nothing but an unfinished last line, as a crash leaves it. */
  readonly torn: boolean;
}

/** Reads one segment, line by line, in constant memory. */
export interface SegmentScanOptions {
  readonly path: string;
  readonly segment: number;
  /** Where the chain stands before the segment. */
  readonly head: JournalHead;
  readonly visit: LineVisitor;
  /** Sees the first line before its place in the chain is checked: its header tells better what is wrong. */
  readonly first: (text: string, head: JournalHead) => Finding | undefined;
  readonly signal?: AbortSignal | undefined;
}

const chunkBytes = 1024 * 1024;

/** A writer at work may be in the middle of a write: how often its last line is read again. */
const rereads = 50;

/**
 * Checks that the segment's lines continue a chain, over the very bytes that are stored.
 * Stops at the first problem.
 *
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when the file cannot be read.
 */
export async function scanSegment(options: SegmentScanOptions): Promise<SegmentScan> {
  const { path, signal } = options;
  signal?.throwIfAborted();
  const handle = await guarded(path, () => open(path, "r"));
  try {
    return await scan(handle, options);
  } finally {
    await handle.close();
  }
}

async function scan(handle: FileHandle, options: SegmentScanOptions): Promise<SegmentScan> {
  const { path, segment, visit, first, signal } = options;
  let { seq, hash } = options.head;
  // Byte 0 of the buffer stays free for the zero byte that is hashed in front of the first line.
  let buffer = Buffer.allocUnsafe(chunkBytes + 1);
  let filled = 1;
  let base = 0; // where in the file the buffer's byte 1 is
  let patience = rereads;
  let lastLine = 0;

  const stop = (at: number, finding: Finding, size: number, torn: boolean): SegmentScan => ({
    head: { seq, hash },
    end: at,
    lastLine,
    size,
    torn,
    problem: { segment, seq: seq + 1, offset: at, ...finding },
  });

  function line(start: number, end: number): Finding | undefined {
    const text = buffer.toString("utf8", start, end);
    const foreign = base + start === 1 ? first(text, { seq, hash }) : undefined;
    if (foreign !== undefined) return foreign;
    const prefix = linePrefix(seq + 1, hash);
    if (!text.startsWith(prefix)) return diagnose(text, { seq, hash });
    const stored = readLine(text, prefix.length);
    // The last line must be whole; every other one is known to be as it was written by the next one's prev.
    if (stored === undefined || (end + 1 === filled && !isObject(text))) return notJson(end - start);
    const next = { seq: seq + 1, hash: hashLine(buffer, start, end) };
    const finding = visit(stored, next);
    if (finding !== undefined) return finding;
    ({ seq, hash } = next);
    lastLine = end + 1 - start;
    return undefined;
  }

  for (;;) {
    signal?.throwIfAborted();
    if (filled === buffer.length) {
      if (filled > maxLineBytes) return stop(base, tooLong, (await handle.stat()).size, false);
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
    const from = filled;
    const { bytesRead } = await guarded(path, () => handle.read(buffer, from, buffer.length - from, base + from - 1));
    if (bytesRead === 0) {
      if (filled === 1) return { head: { seq, hash }, end: base, lastLine, size: base, torn: false };
      if (patience-- > 0) {
        filled = 1; // read it again from its beginning: a writer whose disk is full takes it back
        continue;
      }
      return stop(base, unfinished(filled - 1), base + filled - 1, true);
    }
    filled += bytesRead;
    const view = buffer.subarray(0, filled);
    let start = 1;
    for (let end = view.indexOf(10, from); end !== -1; end = view.indexOf(10, start)) {
      const finding = line(start, end);
      if (finding !== undefined) {
        const { size } = await handle.stat();
        const last = base + end === size;
        return stop(base + start - 1, finding, size, last && !isObject(view.toString("utf8", start, end)));
      }
      start = end + 1;
    }
    buffer.copy(buffer, 1, start, filled);
    base += start - 1;
    filled -= start - 1;
  }
}

const notJson = (bytes: number): Finding => ({
  expected: "one JSON object",
  actual: `${bytes} bytes that are none`,
  what: "The line was changed, or written only in part.",
});

const unfinished = (bytes: number): Finding => ({
  expected: "a newline",
  actual: `the end of the file after ${bytes} bytes`,
  what: "The last line is unfinished: the writer died while it wrote, or the file was cut.",
});

const tooLong: Finding = {
  expected: `a line of at most ${maxLineBytes} bytes`,
  actual: "a longer one",
  what: "The line was not written by a journal.",
};
