import { readdir } from "node:fs/promises";
import { checkpointsName } from "../checkpoint/checkpoint-files.ts";
import type { JournalFeed, JournalPosition } from "../feed.ts";
import { segmentName } from "../line.ts";
import { guarded } from "../unavailable.ts";

/** A row of files that are numbered and only grow: the segments, or their checkpoints. */
export interface Row {
  nameOf(segment: number): string;
  /** Whether each line holds the hash of the one before. */
  readonly chained: boolean;
  /** Where the file that is being written is durable to; all others are durable to their ends. */
  written(): JournalPosition | undefined;
}

/** Numbers of the files of a row that are there, in order. */
export async function numbersOf(row: Row, directory: string): Promise<readonly number[]> {
  const names = await guarded(directory, () => readdir(directory));
  return names
    .flatMap((name) => {
      const number = Number(/^\d{8}/.exec(name)?.[0]);
      return number > 0 && name === row.nameOf(number) ? [number] : [];
    })
    .sort((a, b) => a - b);
}

/** The segments of a journal. */
export const segmentRow = (feed: JournalFeed): Row => ({
  nameOf: segmentName,
  chained: true,
  written: () => feed.position,
});

/** The checkpoints beside them; only those who read them know how far they are durable. */
export const checkpointRow: Row = { nameOf: checkpointsName, chained: false, written: () => undefined };
