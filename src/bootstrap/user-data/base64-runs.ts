/** Characters in a row that may be base64, or a random string. */
export interface Run {
  readonly run: string;
  /** 1 for the first. */
  readonly line: number;
}

const shortestRun = 24;
const word = new RegExp(`[A-Za-z0-9+/_-]{${shortestRun},}={0,2}`, "g");
const wholeLine = /^[ \t]*[A-Za-z0-9+/_-]{16,}={0,2}[ \t\r]*$/;
const lastLine = /^[ \t]*[A-Za-z0-9+/_-]{2,}={0,2}[ \t\r]*$/;
const padded = /=[ \t\r]*$/;

/** Lines of base64 that belong together. */
interface Block {
  readonly run: string;
  readonly to: number;
  /** The run without its short last line, which may be the word that ends a here-document. */
  readonly without: string | undefined;
}

/** The base64 that line `from` and the following are; `undefined` where they are none. */
function blockAt(lines: readonly string[], from: number): Block | undefined {
  const block = (to: number) => ({ run: lines.slice(from, to).join("").replace(/\s+/g, ""), to });
  let to = from;
  while (to < lines.length && wholeLine.test(lines[to] as string)) {
    if (padded.test(lines[to++] as string)) return { ...block(to), without: undefined };
  }
  if (to === from) return undefined;
  const next = lines[to];
  if (next === undefined || !lastLine.test(next)) return { ...block(to), without: undefined };
  return { ...block(to + 1), without: padded.test(next) ? undefined : block(to).run };
}

/** The words of one line. */
export const wordsOf = (line: string): string[] => (line.match(word) ?? []) as string[];

/**
 * Finds runs of base64, in one line or in several that belong together.
 *
 * @param reads - Whether a run decodes into something: it decides where the last line may be no part of it.
 */
export function* base64Runs(text: string, reads: (run: string) => boolean): Generator<Run> {
  const isBetter = (shorter: string, longer: string) =>
    (longer.length % 4 !== 0 && shorter.length % 4 === 0) || (!reads(longer) && reads(shorter));
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = at + 1;
    const block = blockAt(lines, at);
    if (block === undefined) {
      for (const run of wordsOf(lines[at] as string)) yield { run, line };
      at++;
    } else if (block.without !== undefined && isBetter(block.without, block.run)) {
      yield { run: block.without, line };
      at = block.to - 1;
    } else {
      yield { run: block.run, line };
      at = block.to;
    }
  }
}
