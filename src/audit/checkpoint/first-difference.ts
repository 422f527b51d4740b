import { isGuardError } from "../../core/errors.ts";
import type { JournalProblem } from "../problem.ts";
import { toBase64 } from "./base64.ts";
import { readCheckpoints } from "./checkpoint-files.ts";
import { type Frontier, peakRanges } from "./frontier.ts";
import { frontierOf } from "./journal-tree.ts";
import { journalStart, type LinePlace, readLeaves } from "./leaf-reader.ts";
import type { Range } from "./merkle.ts";
import type { SignedTree } from "./signed-trees.ts";

/**
 * Narrows down where a journal differs from a tree that was signed: after the last tree that holds, and in the
 * first complete subtree whose hash is another one than what was stored with the signature. A line's hash is in
 * the next line, so that from the first change on all lines are other ones.
 *
 * @param held - The last tree that holds.
 * @param differs - The first one that does not, and the frontier that the journal leads to instead.
 * @returns `undefined` where no more can be told than that they differ.
 */
export async function firstDifference(
  directory: string,
  held: SignedTree | undefined,
  differs: SignedTree,
  found: Frontier,
  signal: AbortSignal | undefined,
): Promise<JournalProblem | undefined> {
  const { start, end } = await differingPeak(directory, differs, found);
  const seq = Math.max(start, held?.size ?? 0);
  const from = held === undefined ? journalStart : held.last;
  if (from === undefined) return undefined;
  let before: LinePlace = from;
  try {
    await readLeaves(directory, from, seq - 1, (place) => (before = place), signal);
    let line: LinePlace | undefined; // the one at seq, which may begin the next segment
    await readLeaves(directory, before, seq, (place) => (line = place), signal);
    if (line === undefined) return undefined;
    const { segment, offset, lineBytes } = line;
    return {
      segment,
      seq,
      offset: offset - lineBytes,
      expected: `root ${toBase64(differs.root)} over ${differs.size} lines`,
      actual: `root ${toBase64(found.root())}`,
      what: `Lines are not those that were signed: the first such is between seq ${seq} and ${end - 1}.`,
    };
  } catch (error) {
    if (isGuardError(error) && error.code === "ERR_CHECKPOINT_INCONSISTENT") return undefined;
    throw error;
  }
}

async function differingPeak(directory: string, { size, root }: SignedTree, found: Frontier): Promise<Range> {
  for await (const stored of readCheckpoints(directory)) {
    if (stored.last.seq + 1 !== size) continue;
    const { peaks } = frontierOf(stored);
    const actual = found.peaks;
    const ranges = peakRanges(size);
    const at = peaks.findIndex((peak, index) => actual[index]?.equals(peak) !== true);
    if (at !== -1 && frontierOf(stored).root().equals(root)) return ranges[at] as Range;
  }
  return { start: 0, end: size }; // a pinned one: nothing is stored with it
}
