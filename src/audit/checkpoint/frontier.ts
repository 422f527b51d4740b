import { emptyRoot, nodeHash, type Range } from "./merkle.ts";

/**
 * The roots of the complete subtrees that a growing Merkle tree consists of, the largest first: one for
 * each bit that is set in the number of leaves. It is all that is needed to append, and to tell the root.
 */
export class Frontier {
  #size: number;
  readonly #peaks: Buffer[];

  /** @param peaks - As many as bits are set in `size`. */
  constructor(size = 0, peaks: readonly Buffer[] = []) {
    if (peaks.length !== peakRanges(size).length) throw new RangeError("a frontier of another size");
    this.#size = size;
    this.#peaks = [...peaks];
  }

  get size(): number {
    return this.#size;
  }

  get peaks(): readonly Buffer[] {
    return this.#peaks;
  }

  append(leaf: Buffer): void {
    let hash = leaf;
    for (let left = this.#size; left % 2 === 1; left = (left - 1) / 2) {
      hash = nodeHash(this.#peaks.pop() as Buffer, hash);
    }
    this.#peaks.push(hash);
    this.#size++;
  }

  root(): Buffer {
    return this.#peaks.length === 0 ? emptyRoot : this.#peaks.reduceRight((right, left) => nodeHash(left, right));
  }

  copy(): Frontier {
    return new Frontier(this.#size, this.#peaks);
  }
}

/** Which leaves the peaks of a tree of this size stand for. */
export function peakRanges(size: number): Range[] {
  const ranges: Range[] = [];
  let width = 1;
  for (let rest = size, end = size; rest > 0; rest = Math.floor(rest / 2), width *= 2) {
    if (rest % 2 === 0) continue;
    ranges.push({ start: end - width, end });
    end -= width;
  }
  return ranges.reverse();
}
