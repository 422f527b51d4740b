import { readdir } from "node:fs/promises";
import { segmentName, segmentNumber } from "./line.ts";
import type { JournalProblem } from "./problem.ts";
import { guarded } from "./unavailable.ts";

/** Numbers of the segments in a directory, in order. */
export async function listSegments(directory: string): Promise<readonly number[]> {
  const names = await guarded(directory, () => readdir(directory));
  return names.flatMap((name) => segmentNumber(name) ?? []).sort((a, b) => a - b);
}

/** The first segment that should be among these and is not; `undefined` if they are without a gap. */
export function missingAmong(found: readonly number[]): number | undefined {
  const first = found[0] ?? 1;
  const index = found.findIndex((segment, at) => segment !== first + at);
  return index === -1 ? undefined : first + index;
}

/** A segment that is not where it must be. */
export const missing = (segment: number, actual: string): Omit<JournalProblem, "seq"> => ({
  segment,
  offset: 0,
  expected: segmentName(segment),
  actual,
  what: "A segment is missing.",
});
