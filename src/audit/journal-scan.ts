import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type EndRecord, emptyChain, type JournalHead, segmentName } from "./line.ts";
import type { Finding, JournalProblem } from "./problem.ts";
import { checkHeader, readHeader, type StoredHeader } from "./segment-header.ts";
import { listSegments, missing } from "./segment-list.ts";
import { scanSegment } from "./segment-scan.ts";
import type { StoredLine } from "./stored-line.ts";
import { guarded } from "./unavailable.ts";

/** How reading a journal ended. */
export interface JournalScan {
  /** The first segment that was read; 0 if there is none. */
  readonly first: number;
  /** The last one, the one with a problem included. */
  readonly last: number;
  /** Where the chain stood before the first one, according to its header. */
  readonly before: JournalHead;
  readonly head: JournalHead;
  /** Bytes of the last segment up to the end of its last good line. */
  readonly end: number;
  /** Bytes of that line, newline included. */
  readonly lastLine: number;
  /** Bytes in the last segment that was read. */
  readonly size: number;
  /** Whether the last segment's last line closes it. */
  readonly closed: boolean;
  readonly problem?: JournalProblem;
  /**
   * Present where the problem is nothing but what a crash leaves: an unfinished last line (`torn`), or
   * the want of the segment that should follow the last one (`unfollowed`).
   */
  readonly gap?: "torn" | "unfollowed" | undefined;
}

/** Who sees what is read. Either may say what is wrong with a line that continues the chain. */
export interface JournalVisitor {
  /** Sees every line but those below, with the chain's head after it. */
  record(line: StoredLine, head: JournalHead): Finding | undefined;
  /** Sees the chain's head after each segment's header and its last line, if that closes it. */
  link?(head: JournalHead): Finding | undefined;
}

/** Where to begin, and how patient to be. */
export interface ScanOptions {
  /** `oldest`: at the first segment that is there, up to where the journal ends now; `newest`: only the last one. */
  readonly from: "oldest" | "newest";
  readonly signal?: AbortSignal | undefined;
}

/** A writer at work makes the next segment a moment after it closed one: how often to look for it, and when. */
const looks = 20;
const lookAgainMs = 10;

/** Keeps the process alive: a program may wait for nothing else than to know whether its journal is whole. */
async function pause(signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(lookAgainMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  signal?.throwIfAborted();
}

const endless = { segment: Number.POSITIVE_INFINITY, bytes: 0 };

/** Where a journal ends now. */
async function endOf(directory: string, newest: number | undefined): Promise<typeof endless> {
  if (newest === undefined) return endless;
  const path = join(directory, segmentName(newest));
  return { segment: newest, bytes: (await guarded(path, () => stat(path))).size };
}

/**
 * Reads segments in order, and checks that together they are one unbroken chain.
 *
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a file cannot be read or has a newer format.
 */
export async function scanJournal(
  directory: string,
  visitor: JournalVisitor,
  { from, signal }: ScanOptions,
): Promise<JournalScan> {
  let found = await listSegments(directory);
  // A journal may grow faster than it is read: what came meanwhile is left for the next time.
  const until = from === "oldest" ? await endOf(directory, found.at(-1)) : endless;
  const first = (from === "oldest" ? found[0] : found.at(-1)) ?? 0;
  const header = first > 1 ? await readHeader(join(directory, segmentName(first))) : undefined;
  const before = header?.before ?? emptyChain;
  let chain: string | undefined;
  let state = { head: before, end: 0, lastLine: 0, size: 0, closed: false };
  const stop = (last: number, problem?: JournalProblem, gap?: JournalScan["gap"]): JournalScan => {
    return { ...state, first, last, before, gap, ...(problem === undefined ? {} : { problem }) };
  };
  if (first === 0) return stop(0);

  for (let segment = first; ; segment++) {
    const path = join(directory, segmentName(segment));
    let lines = 0;
    let closed = false;
    const { problem, torn, ...reached } = await scanSegment({
      path,
      segment,
      head: state.head,
      until: segment === until.segment ? until.bytes : Number.POSITIVE_INFINITY,
      signal,
      first(text, head) {
        const finding = checkHeader(text, { path, segment, head, chain });
        if (finding === undefined) chain = (JSON.parse(text) as StoredHeader["header"]).chain;
        return finding;
      },
      visit(line, head) {
        if (lines++ === 0) return visitor.link?.(head);
        if (closed) return afterEnd;
        if (line.type === "header") return secondHeader;
        if (line.type !== "end") return visitor.record(line, head);
        closed = true;
        const { next } = JSON.parse(line.text) as EndRecord;
        return next === segment + 1 ? visitor.link?.(head) : wrongNext(segment + 1, next);
      },
    });
    state = { ...reached, closed };
    const at = { segment, seq: state.head.seq + 1, offset: state.end };
    const newest = found.at(-1) ?? segment;
    // A segment gets its name only once its header is durable: a crash never leaves it without one.
    if (problem !== undefined)
      return stop(segment, problem, torn && segment >= newest && lines > 0 ? "torn" : undefined);
    if (lines === 0) return stop(segment, { ...at, ...emptied });
    if (!closed) return segment < newest ? stop(segment, { ...at, ...unclosed(newest) }) : stop(segment);

    for (let look = 0; !found.includes(segment + 1); look++) {
      found = await listSegments(directory);
      const later = found.find((number) => number > segment);
      if (later !== undefined && later > segment + 1) {
        return stop(segment, { ...missing(segment + 1, segmentName(later)), seq: at.seq });
      }
      if (later === undefined && (from === "newest" || look >= looks)) {
        return stop(segment, { ...missing(segment + 1, "nothing"), seq: at.seq }, "unfollowed");
      }
      if (later === undefined) await pause(signal);
    }
    if (segment === until.segment) return stop(segment);
  }
}

const secondHeader: Finding = {
  expected: "a record",
  actual: "a header",
  what: "The segment does not belong here: two were put together.",
};

const afterEnd: Finding = {
  expected: "the end of the segment",
  actual: "another line",
  what: "Something was added after the line that closed the segment.",
};

const emptied: Finding = { expected: "a header", actual: "an empty file", what: "The segment was emptied." };

const wrongNext = (expected: number, actual: unknown): Finding => ({
  expected: `segment ${expected} to follow`,
  actual: `segment ${actual}`,
  what: "The line that closes the segment was changed.",
});

const unclosed = (newest: number): Finding => ({
  expected: "a line that closes the segment",
  actual: `the end of the file, though there is a segment ${newest}`,
  what: "Lines were cut off the segment's end.",
});
