import { hash } from "node:crypto";

/** Bytes of a hash. */
export const hashBytes = 32;

/** Root of the tree without leaves. */
export const emptyRoot: Buffer = hash("sha256", "", "buffer");

/** Room for an inner node, which starts with the byte that tells it from a leaf. */
export const newNode = (): Buffer => Buffer.alloc(1 + 2 * hashBytes, 1);

const scratch = newNode();

/** Hash of an inner node. */
export function nodeHash(left: Buffer, right: Buffer): Buffer {
  scratch.set(left, 1);
  scratch.set(right, 1 + hashBytes);
  return Buffer.from(hash("sha256", scratch, "binary"), "binary"); // half the time of asking for a buffer
}

/** Leaves `start` to `end - 1` of a tree. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** How many leaves the left half of a subtree has: the largest power of two below `size`. */
function leftHalf(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

/** The subtrees whose hashes lead from a leaf to the root, the leaf's sibling first (RFC 6962, 2.1.1). */
export function inclusionRanges(index: number, size: number): Range[] {
  const ranges: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + leftHalf(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

/** The subtrees whose hashes show that a tree of `to` leaves starts with one of `from` (RFC 6962, 2.1.2). */
export function consistencyRanges(from: number, to: number): Range[] {
  const ranges: Range[] = [];
  let [start, end] = [0, to];
  while (end > from) {
    const middle = start + leftHalf(end - start);
    if (from <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  if (start > 0) ranges.push({ start, end }); // else it is the whole old tree, which the verifier knows
  return ranges.reverse();
}

/** The root that a leaf and its path lead to; `undefined` where the path has not the tree's shape. */
export function rootFromInclusion(leaf: Buffer, index: number, size: number, path: readonly Buffer[]) {
  if (index < 0 || index >= size) return undefined;
  const ranges = inclusionRanges(index, size);
  if (ranges.length !== path.length) return undefined;
  return path.reduce(
    (root, sibling, at) => ((ranges[at] as Range).start > index ? nodeHash(root, sibling) : nodeHash(sibling, root)),
    leaf,
  );
}

/** Whether the path shows that the tree with `newRoot` starts with the tree with `oldRoot`. */
export function isConsistent(
  from: number,
  oldRoot: Buffer,
  to: number,
  newRoot: Buffer,
  path: readonly Buffer[],
): boolean {
  if (from > to) return false;
  if (from === 0) return path.length === 0 && oldRoot.equals(emptyRoot);
  if (from === to) return path.length === 0 && oldRoot.equals(newRoot);
  const ranges = consistencyRanges(from, to);
  if (ranges.length !== path.length) return false;
  // Where the old tree is one complete subtree of the new one, the path starts from its root.
  const whole = (ranges[0] as Range).start >= from;
  const start = whole ? oldRoot : (path[0] as Buffer);
  let [older, newer] = [start, start];
  for (let at = whole ? 0 : 1; at < path.length; at++) {
    const sibling = path[at] as Buffer;
    if ((ranges[at] as Range).start >= from) {
      newer = nodeHash(newer, sibling);
    } else {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
    }
  }
  return older.equals(oldRoot) && newer.equals(newRoot);
}
