import { type FileHandle, open } from "node:fs/promises";
import { fieldsAfter, hashLine, type JournalHead, maxLineBytes } from "./line.ts";
import { diagnose, type Finding, isObject, type JournalProblem } from "./problem.ts";
import { ReadAhead } from "./read-ahead.ts";
import { LineBytes, readLine, type StoredLine } from "./stored-line.ts";
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
  /** Lines that begin so many bytes after the segment's beginning, or later, are not read. */
  readonly until: number;
  readonly signal?: AbortSignal | undefined;
}

const newline = 10;

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
    const file = new ReadAhead(handle, path);
    try {
      return await scan(handle, file, options);
    } finally {
      await file.close();
    }
  } finally {
    await handle.close();
  }
}

async function scan(handle: FileHandle, file: ReadAhead, options: SegmentScanOptions): Promise<SegmentScan> {
  const { segment, visit, first, until, signal } = options;
  let { head } = options;
  let base = 0; // where in the file the first byte is that nobody was done with yet
  let patience = rereads;
  let lastLine = 0;

  const whole = (): SegmentScan => ({ head, end: base, lastLine, size: base, torn: false });
  const stop = (finding: Finding, size: number, torn: boolean): SegmentScan => ({
    head,
    end: base,
    lastLine,
    size,
    torn,
    problem: { segment, seq: head.seq + 1, offset: base, ...finding },
  });

  /** @param last - Whether no line after it may be read. */
  function line(buffer: Buffer, start: number, end: number, last: boolean): Finding | undefined {
    const bytes = new LineBytes(buffer, start, end);
    const foreign = base === 0 ? first(bytes.text, head) : undefined;
    if (foreign !== undefined) return foreign;
    const from = fieldsAfter(head, bytes.head);
    if (from === -1) return diagnose(bytes.text, head);
    const stored = readLine(bytes, from);
    // The last line must be whole; every other one is known to be as it was written by the next one's prev.
    if (stored === undefined || (last && !isObject(bytes.text))) return notJson(end - start);
    const next = { seq: head.seq + 1, hash: hashLine(buffer, start, end) };
    const finding = visit(stored, next);
    if (finding === undefined) head = next;
    return finding;
  }

  for (;;) {
    signal?.throwIfAborted();
    const rest = file.end - file.start;
    const more = await file.more();
    const { buffer, end: filled } = file;
    if (more === 0) {
      if (rest === 0) return whole();
      if (patience-- <= 0) return stop(unfinished(rest), base + rest, true);
      await file.again(); // a writer whose disk is full takes it back
      continue;
    }
    const view = buffer.subarray(0, filled);
    let from = file.start + rest; // what is left of the chunk before holds no newline
    for (let end = view.indexOf(newline, from); end !== -1; end = view.indexOf(newline, from)) {
      const { start } = file;
      const bytes = end + 1 - start;
      const last = base + bytes >= until;
      const finding = line(buffer, start, end, last || end + 1 === filled);
      if (finding !== undefined) {
        const { size } = await handle.stat();
        return stop(finding, size, base + bytes === size && !isObject(view.toString("utf8", start, end)));
      }
      lastLine = bytes;
      base += bytes;
      if (last) return whole();
      from = file.start = end + 1;
    }
    if (filled - file.start > maxLineBytes) return stop(tooLong, (await handle.stat()).size, false);
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
