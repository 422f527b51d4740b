import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Frontier } from "../../../src/audit/checkpoint/frontier.ts";
import {
  consistencyRanges,
  inclusionRanges,
  isConsistent,
  type Range,
  rootFromInclusion,
} from "../../../src/audit/checkpoint/merkle.ts";
import { RangeHasher } from "../../../src/audit/checkpoint/range-hasher.ts";
import { naiveLeaf, naivePath, naiveProof, naiveRoot } from "./naive-merkle.ts";

const hex = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text, "hex"));

function frontierOf(leaves: readonly Buffer[]): Frontier {
  const frontier = new Frontier();
  for (const leaf of leaves) frontier.append(leaf.toString("base64url"));
  return frontier;
}

/** A proof's hashes, computed in one pass that begins after the first `base` leaves. */
function pass(ranges: readonly Range[], leaves: readonly Buffer[], base: number): Buffer[] {
  const hasher = new RangeHasher(ranges, frontierOf(leaves.slice(0, base)));
  for (const leaf of leaves.slice(base)) hasher.append(leaf.toString("base64url"));
  return ranges.map((range) => hasher.root(range));
}

// The reference inputs of Certificate Transparency (transparency-dev/merkle, testonly), for RFC 6962 and 9162.
const ctLeaves = hex(
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
).map(naiveLeaf);
const ctRoots = hex(
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
);
const [h10, h5f, h6b] = hex(
  "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
  "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
) as [Buffer, Buffer, Buffer];
const [hbc, hca, h0e] = hex(
  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
  "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
  "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
) as [Buffer, Buffer, Buffer];

describe("the published vectors of Certificate Transparency", () => {
  it("give the known roots", () => {
    expect(ctRoots.map((_, size) => frontierOf(ctLeaves.slice(0, size)).root())).toEqual(ctRoots);
  });

  it.each([
    [0, 8, [h10, h5f, h6b]],
    [5, 8, [hbc, hca, ctRoots[4] as Buffer]],
    [2, 3, [ctRoots[2] as Buffer]],
    [1, 5, [ctRoots[1] as Buffer, h5f, hbc]],
  ])("prove that leaf %i is in the tree of %i", (index, size, path) => {
    const leaves = ctLeaves.slice(0, size);
    expect(pass(inclusionRanges(index, size), leaves, 0)).toEqual(path);
    expect(rootFromInclusion(leaves[index] as Buffer, index, size, path)).toEqual(ctRoots[size]);
  });

  it.each([
    [1, 1, []],
    [1, 8, [h10, h5f, h6b]],
    [6, 8, [h0e, hca, ctRoots[4] as Buffer]],
    [2, 5, [h5f, hbc]],
  ])("prove that the tree of %i is the beginning of the tree of %i", (from, to, path) => {
    expect(pass(consistencyRanges(from, to), ctLeaves.slice(0, to), 0)).toEqual(path);
    expect(isConsistent(from, ctRoots[from] as Buffer, to, ctRoots[to] as Buffer, path)).toBe(true);
  });
});

const tree = fc
  .tuple(fc.integer({ min: 1, max: 130 }), fc.nat())
  .map(([size, seed]) => Array.from({ length: size }, (_, index) => naiveLeaf(Buffer.from(`${seed} ${index}`))));
const stranger = naiveLeaf(Buffer.from("in no tree"));
const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("a Merkle tree", () => {
  it("has the root of the naive one, at every size", () => {
    fc.assert(
      fc.property(tree, (leaves) => {
        expect(frontierOf(leaves).root()).toEqual(naiveRoot(leaves));
      }),
    );
  });

  it("proves inclusion as the naive one, from any base before the leaf", () => {
    fc.assert(
      fc.property(tree, part, part, (leaves, a, b) => {
        const index = Math.floor(a * leaves.length);
        const base = Math.floor(b * (index + 1));
        const path = pass(inclusionRanges(index, leaves.length), leaves, base);
        expect(path).toEqual(naivePath(index, leaves));
        expect(rootFromInclusion(leaves[index] as Buffer, index, leaves.length, path)).toEqual(naiveRoot(leaves));
      }),
      { numRuns: 300 },
    );
  });

  it("proves consistency as the naive one, from any base within the old tree", () => {
    fc.assert(
      fc.property(tree, part, part, (leaves, a, b) => {
        const from = 1 + Math.floor(a * leaves.length);
        const base = Math.floor(b * (from + 1));
        const path = pass(consistencyRanges(from, leaves.length), leaves, base);
        expect(path).toEqual(naiveProof(from, leaves));
        const [older, newer] = [naiveRoot(leaves.slice(0, from)), naiveRoot(leaves)];
        expect(isConsistent(from, older, leaves.length, newer, path)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("accepts no other leaf, index, size, root or path", () => {
    fc.assert(
      fc.property(tree, part, part, (leaves, a, b) => {
        const size = leaves.length;
        const index = Math.floor(a * size);
        const leaf = leaves[index] as Buffer;
        const path = naivePath(index, leaves);
        const root = naiveRoot(leaves);
        const leads = (...of: Parameters<typeof rootFromInclusion>) => rootFromInclusion(...of)?.equals(root) ?? false;
        const other = Math.floor(b * size);
        if (other !== index) expect(leads(leaf, other, size, path)).toBe(false);
        expect(leads(stranger, index, size, path)).toBe(false);
        expect(leads(leaf, index, size, [...path, stranger])).toBe(false);
        expect(leads(leaf, size, size, path)).toBe(false);
        if (path.length > 0) {
          expect(leads(leaf, index, size, path.slice(1))).toBe(false);
          const at = Math.floor(b * path.length);
          expect(leads(leaf, index, size, path.toSpliced(at, 1, stranger))).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is consistent with no other tree", () => {
    fc.assert(
      fc.property(tree, part, part, (leaves, a, b) => {
        const from = 1 + Math.floor(a * leaves.length);
        const to = leaves.length;
        const path = naiveProof(from, leaves);
        const [older, newer] = [naiveRoot(leaves.slice(0, from)), naiveRoot(leaves)];
        const changed = leaves.toSpliced(Math.floor(b * from), 1, stranger);
        expect(isConsistent(from, naiveRoot(changed.slice(0, from)), to, newer, path)).toBe(false);
        expect(isConsistent(from, older, to, naiveRoot(changed), naiveProof(from, changed))).toBe(false);
        expect(isConsistent(from, older, to, newer, [...path, stranger])).toBe(false);
        expect(isConsistent(to + 1, older, to, newer, path)).toBe(false);
        if (path.length > 0) {
          expect(isConsistent(from, older, to, newer, path.slice(1))).toBe(false);
          const at = Math.floor(b * path.length);
          expect(isConsistent(from, older, to, newer, path.toSpliced(at, 1, stranger))).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("starts from nothing only where that is the empty tree", () => {
    const [empty, root] = [ctRoots[0] as Buffer, ctRoots[3] as Buffer];
    expect(isConsistent(0, empty, 3, root, [])).toBe(true);
    expect(isConsistent(0, root, 3, root, [])).toBe(false);
    expect(isConsistent(0, empty, 3, root, [root])).toBe(false);
  });
});
