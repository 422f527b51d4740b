import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { GuardError } from "../core/errors.ts";
import { emptyChain, formatVersion, type JournalHead, segmentName, segmentNumber } from "./line.ts";
import type { Finding, JournalProblem } from "./problem.ts";
import { scanSegment } from "./segment-scan.ts";
import type { StoredLine } from "./stored-line.ts";
import { guarded } from "./unavailable.ts";

/** How reading a whole journal ended. */
export interface JournalScan {
  /** Segments that were read, the one with a problem included. */
  readonly segments: number;
  /** Names the journal; `undefined` if not even its first header could be read. */
  readonly chain: string | undefined;
  readonly head: JournalHead;
  /** Bytes of the last segment up to the end of its last good line. */
  readonly end: number;
  /** Bytes of that line, newline included. */
  readonly lastLine: number;
  /** Bytes in the last segment that was read. */
  readonly size: number;
  readonly problem?: JournalProblem;
  /** Whether the problem is nothing but an unfinished last line of the last segment. */
  readonly torn: boolean;
}

/** Who sees what is read. Either may say what is wrong with a line that continues the chain. */
export interface JournalVisitor {
  /** Sees every record but the headers, with the chain's head after it. */
  record(line: StoredLine, head: JournalHead): Finding | undefined;
  /** Sees the chain's head after each header. */
  header?(head: JournalHead): Finding | undefined;
}

/** Numbers of the segments in a directory, in order. */
async function listSegments(directory: string): Promise<readonly number[]> {
  const names = await guarded(directory, () => readdir(directory));
  return names.flatMap((name) => segmentNumber(name) ?? []).sort((a, b) => a - b);
}

function refuseNewer(path: string, text: string): void {
  const version = /"type":"header","version":(\d{1,9})[,}]/.exec(text)?.[1];
  if (version === undefined || Number(version) <= formatVersion) return;
  throw new GuardError(
    "ERR_AUDIT_UNAVAILABLE",
    `audit journal ${path}: has format ${version}, and this version of provider-guard reads up to ${formatVersion}; use the version that wrote it, or a later one`,
  );
}

/**
 * Reads all segments in order, and checks that together they are one unbroken chain.
 *
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a file cannot be read or has a newer format.
 */
export async function scanJournal(
  directory: string,
  visitor: JournalVisitor,
  signal?: AbortSignal,
): Promise<JournalScan> {
  const found = await listSegments(directory);
  let chain: string | undefined;
  let state = { head: emptyChain, end: 0, lastLine: 0, size: 0 };
  const stop = (segments: number, problem?: JournalProblem, torn = false): JournalScan => ({
    ...state,
    segments,
    chain,
    torn,
    ...(problem === undefined ? {} : { problem }),
  });

  for (const [index, actual] of found.entries()) {
    const segment = index + 1;
    if (actual !== segment) return stop(index, { ...missing(segment, segmentName(actual)), seq: state.head.seq + 1 });
    const path = join(directory, segmentName(segment));
    let lines = 0;
    const { problem, torn, ...reached } = await scanSegment({
      path,
      segment,
      head: state.head,
      signal,
      first: (text) => refuseNewer(path, text),
      visit(line, head) {
        if (lines++ > 0) {
          return line.type === "header" ? wrongHeader("a record", "a header") : visitor.record(line, head);
        }
        const header = JSON.parse(line.text) as Record<string, unknown>;
        const finding = checkHeader(header, segment, chain) ?? visitor.header?.(head);
        if (finding === undefined) chain = String(header.chain);
        return finding;
      },
    });
    state = reached;
    // A segment gets its name only once its header is durable: a crash never leaves it without one.
    if (problem !== undefined) return stop(segment, problem, torn && segment === found.length && state.end > 0);
    if (lines === 0) {
      return stop(segment, {
        segment,
        seq: state.head.seq + 1,
        offset: 0,
        ...wrongHeader("a header", "an empty file"),
      });
    }
  }
  return stop(found.length);
}

function checkHeader(header: Record<string, unknown>, segment: number, chain?: string): Finding | undefined {
  const { type, version } = header;
  if (type !== "header") return wrongHeader("a header", `a record of type ${type}`);
  if (version !== formatVersion) return wrongHeader(`version ${formatVersion}`, `version ${version}`);
  if (header.segment !== segment) return wrongHeader(`segment ${segment}`, `segment ${header.segment}`);
  if (chain !== undefined && header.chain !== chain) return wrongHeader(`chain ${chain}`, `chain ${header.chain}`);
  return undefined;
}

const wrongHeader = (expected: string, actual: string): Finding => ({
  expected,
  actual,
  what: "The segment does not belong here: it was changed, renamed or taken from another journal.",
});

/** A segment that is not where it must be. */
export const missing = (segment: number, actual: string): Omit<JournalProblem, "seq"> => ({
  segment,
  offset: 0,
  expected: segmentName(segment),
  actual,
  what: "A segment is missing.",
});
