import { hash } from "node:crypto";
import { emptyRoot, hashBytes, newNode, nodeHash, type Range } from "./merkle.ts";

/**
 * The roots of the complete subtrees that a growing Merkle tree consists of, the largest first: one for
 * each bit that is set in the number of leaves. It is all that is needed to append, and to tell the root.
 */
export class Frontier {
  #size: number;
  /**
   * By the height of its children, the node that is put together next: where bit n of the size is set, the
   * left half of node n is a peak. Nothing is allocated, nor copied, when a leaf is appended.
   */
  readonly #nodes: Buffer[] = [];

  /** @param peaks - As many as bits are set in `size`. */
  constructor(size = 0, peaks: readonly Buffer[] = []) {
    const ranges = peakRanges(size);
    if (peaks.length !== ranges.length) throw new RangeError("a frontier of another size");
    this.#size = size;
    for (const [index, { start, end }] of ranges.entries()) peaks[index]?.copy(this.#node(Math.log2(end - start)), 1);
  }

  get size(): number {
    return this.#size;
  }

  get peaks(): readonly Buffer[] {
    return peakRanges(this.#size).map(({ start, end }) => {
      return Buffer.from(this.#node(Math.log2(end - start)).subarray(1, 1 + hashBytes));
    });
  }

  /** @param leaf - A leaf's hash in base64url, as a line's hash is written. */
  append(leaf: string): void {
    let [text, encoding]: [string, BufferEncoding] = [leaf, "base64url"];
    let height = 0;
    for (let left = this.#size; left % 2 === 1; left = (left - 1) / 2) {
      const node = this.#node(height++);
      node.write(text, 1 + hashBytes, hashBytes, encoding);
      text = hash("sha256", node, "binary");
      encoding = "binary"; // text and back is half the time of asking for a buffer
    }
    this.#node(height).write(text, 1, hashBytes, encoding);
    this.#size++;
  }

  root(): Buffer {
    const { peaks } = this;
    return peaks.length === 0 ? emptyRoot : peaks.reduceRight((right, left) => nodeHash(left, right));
  }

  #node(height: number): Buffer {
    while (this.#nodes.length <= height) this.#nodes.push(newNode());
    return this.#nodes[height] as Buffer;
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
