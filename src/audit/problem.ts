import type { JournalHead } from "./line.ts";

/** The first thing that is wrong with a journal, and where. */
export interface JournalProblem {
  readonly segment: number;
  /** Number of the line that was expected there. */
  readonly seq: number;
  /** Bytes from the beginning of the segment to the line. */
  readonly offset: number;
  readonly expected: string;
  readonly actual: string;
  /** One sentence for people. */
  readonly what: string;
}

/** A problem before it is known where it is. */
export type Finding = Pick<JournalProblem, "expected" | "actual" | "what">;

const start = /^\{"seq":(\d{1,16}),"prev":"([\w-]{43})",/;

/** Whether a line is one JSON object at all. */
export function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Says why a line does not continue the chain that ends in `head`. */
export function diagnose(text: string, head: JournalHead): Finding {
  const [, seq, prev] = start.exec(text) ?? [];
  if (seq === undefined || prev === undefined) {
    const actual = isObject(text) ? "a JSON object that is none" : `${text.length} characters that are no JSON object`;
    return { expected: "a journal line", actual, what: "The line was not written by a journal, or was changed." };
  }
  if (Number(seq) !== head.seq + 1) {
    const what =
      Number(seq) > head.seq
        ? "Lines are missing before this one, or it was moved."
        : "The line stands here a second time, or was moved.";
    return { expected: `seq ${head.seq + 1}`, actual: `seq ${seq}`, what };
  }
  return {
    expected: `prev ${head.hash}`,
    actual: `prev ${prev}`,
    what: "The line before this one was changed, or this one's prev was.",
  };
}
