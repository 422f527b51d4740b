import { Frontier, peakRanges } from "./frontier.ts";
import type { Range } from "./merkle.ts";

/**
 * Hashes several subtrees while the leaves pass by once, in constant memory. It may begin in the middle,
 * at any tree whose frontier is known.
 */
export class RangeHasher {
  readonly #parts: { readonly range: Range; readonly frontier: Frontier }[];
  #next: number;
  #at = 0;

  /**
   * @param ranges - Subtrees of a proof: none overlaps another, and each that begins before the base ends is
   *   made up of whole peaks of it.
   * @param base - The leaves that have passed by already.
   */
  constructor(ranges: readonly Range[], base: Frontier) {
    this.#next = base.size;
    const hashes = base.peaks;
    const peaks = peakRanges(base.size).map((range, index) => ({ range, hash: hashes[index] as Buffer }));
    this.#parts = [...ranges]
      .sort((a, b) => a.start - b.start)
      .map((range) => {
        const inside = peaks.filter((peak) => peak.range.start >= range.start && peak.range.end <= range.end);
        const size = Math.max(0, Math.min(range.end, base.size) - range.start);
        return {
          range,
          frontier: new Frontier(
            size,
            inside.map(({ hash }) => hash),
          ),
        };
      });
  }

  /** Takes the next leaf: its hash in base64url. */
  append(leaf: string): void {
    while ((this.#parts[this.#at]?.range.end ?? Number.POSITIVE_INFINITY) <= this.#next) this.#at++;
    const part = this.#parts[this.#at];
    if (part !== undefined && part.range.start <= this.#next) part.frontier.append(leaf);
    this.#next++;
  }

  /** Root of one of the ranges, once all its leaves have passed. */
  root(range: Range): Buffer {
    const part = this.#parts.find((candidate) => candidate.range.start === range.start);
    if (part === undefined || part.frontier.size !== range.end - range.start)
      throw new RangeError("leaves are missing");
    return part.frontier.root();
  }
}
