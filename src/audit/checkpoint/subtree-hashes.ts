import { newestTreeWithin } from "./checkpoint-files.ts";
import { frontierOf, type TreeState } from "./journal-tree.ts";
import { journalStart, type LinePlace, readLeaves } from "./leaf-reader.ts";
import { consistencyRanges, type Range } from "./merkle.ts";
import { RangeHasher } from "./range-hasher.ts";

/** What one pass over a journal's lines has found. */
export interface SubtreeHashes {
  /** Roots of the ranges, in their order. */
  readonly path: readonly Buffer[];
  /** Root of the whole tree. */
  readonly root: Buffer;
}

/** What to hash. */
export interface SubtreeOptions {
  readonly directory: string;
  readonly ranges: readonly Range[];
  /** Lines before this one need not be read again, where a checkpoint vouches for them. */
  readonly from: number;
  /** Lines of the tree. */
  readonly size: number;
  /** Sees the lines that are read. */
  readonly visit?: (place: LinePlace, line: Buffer) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Hashes subtrees over a journal's lines. It reads from the newest checkpoint, or beginning of a segment,
 * before `from` on: proofs about late lines do not cost reading all the journal, and older segments may
 * be gone.
 *
 * @throws As {@link readLeaves} and {@link newestTreeWithin}.
 */
export async function hashSubtrees(options: SubtreeOptions): Promise<SubtreeHashes> {
  const { directory, ranges, from, size, visit, signal } = options;
  const base: TreeState = (await newestTreeWithin(directory, from)) ?? { last: journalStart, peaks: [] };
  const whole = frontierOf(base);
  const hasher = new RangeHasher(ranges, whole);
  const take = (place: LinePlace, line: Buffer): void => {
    hasher.append(place.hash);
    whole.append(place.hash);
    visit?.(place, line);
  };
  await readLeaves(directory, base.last, size - 1, take, signal);
  return { path: ranges.map((range) => hasher.root(range)), root: whole.root() };
}

/** What shows that a journal's tree of `to` lines starts with the one of `from`, at least 1 of them. */
export function hashConsistency(
  directory: string,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<SubtreeHashes> {
  return hashSubtrees({ directory, ranges: consistencyRanges(from, to), from, size: to, signal });
}
