import { open } from "node:fs/promises";
import { GuardError } from "../core/errors.ts";
import { formatVersion, type HeaderRecord, type JournalHead } from "./line.ts";
import type { Finding } from "./problem.ts";
import { guarded } from "./unavailable.ts";

/** A header's line is far shorter. */
const longestHeader = 64 * 1024;
const start = /^\{"seq":(\d{1,16}),"prev":"([\w-]{43})","type":"header"/;

/** A segment's first line, as far as it can be read without knowing what came before it. */
export interface StoredHeader {
  readonly header: HeaderRecord;
  /** Where the chain stood before the segment, according to the line. */
  readonly before: JournalHead;
}

/**
 * Reads a segment's header.
 * @returns `undefined` where there is none.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when the file cannot be read.
 */
export async function readHeader(path: string): Promise<StoredHeader | undefined> {
  const text = await guarded(path, async () => {
    const handle = await open(path, "r");
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(longestHeader), 0, longestHeader, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  });
  return parseHeader(text.slice(0, Math.max(0, text.indexOf("\n"))));
}

function parseHeader(line: string): StoredHeader | undefined {
  const [, seq, hash = ""] = start.exec(line) ?? [];
  if (seq === undefined) return undefined;
  try {
    return { header: JSON.parse(line) as HeaderRecord, before: { seq: Number(seq) - 1, hash } };
  } catch {
    return undefined;
  }
}

/** What a segment's header must say. */
export interface ExpectedHeader {
  readonly path: string;
  readonly segment: number;
  /** Where the chain stands before it. */
  readonly head: JournalHead;
  /** The journal that the segments before it belong to. */
  readonly chain: string | undefined;
}

/**
 * Says what is wrong with a segment's first line: whether it is another segment's, or another journal's.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when its format is newer than this library.
 */
export function checkHeader(line: string, { path, segment, head, chain }: ExpectedHeader): Finding | undefined {
  const version = /"type":"header","version":(\d{1,9})[,}]/.exec(line)?.[1];
  if (version !== undefined && Number(version) > formatVersion) {
    throw new GuardError(
      "ERR_AUDIT_UNAVAILABLE",
      `audit journal ${path}: has format ${version}, and this version of provider-guard reads up to ${formatVersion}; use the version that wrote it, or a later one`,
    );
  }
  const header = parseHeader(line)?.header;
  if (header === undefined) return foreign("a header", `${line.length} characters that are none`);
  if (header.version !== formatVersion) return foreign(`version ${formatVersion}`, `version ${header.version}`);
  if (header.segment !== segment) return foreign(`segment ${segment}`, `segment ${header.segment}`);
  if (chain !== undefined && header.chain !== chain) return foreign(`chain ${chain}`, `chain ${header.chain}`);
  const expected = segment === 1 ? "nothing" : follows({ segment: segment - 1, ...head });
  const actual = header.follows === undefined ? "nothing" : follows(header.follows);
  return actual === expected ? undefined : foreign(`a segment that follows ${expected}`, `one that follows ${actual}`);
}

const follows = ({ segment, seq, hash }: Partial<NonNullable<HeaderRecord["follows"]>>): string =>
  `segment ${segment}, seq ${seq}, hash ${hash}`;

const foreign = (expected: string, actual: string): Finding => ({
  expected,
  actual,
  what: "The segment does not belong here: it was changed, renamed or taken from another journal.",
});
