import { isGuardError } from "../../core/errors.ts";
import type { JournalProblem } from "../problem.ts";
import { toBase64 } from "./base64.ts";
import { readCheckpoints, type StoredCheckpoint } from "./checkpoint-files.ts";
import { type OpenedCheckpoint, openCheckpoint } from "./checkpoint-note.ts";
import { frontierOf } from "./journal-tree.ts";
import type { LinePlace } from "./leaf-reader.ts";
import type { VerifierKey } from "./verifier-key.ts";

/** A tree that one or more checkpoints were signed over. */
export interface SignedTree {
  readonly size: number;
  readonly root: Buffer;
  /** Where its last line is, as far as is known. */
  readonly last: LinePlace | undefined;
  /** Unix seconds at which it was last signed. */
  time: number | undefined;
  readonly cosignedBy: Set<string>;
}

/** All trees of a journal whose signatures verify. */
export interface SignedTrees {
  /** By their sizes. */
  readonly trees: ReadonlyMap<number, SignedTree>;
  /** Lines under the largest. */
  readonly largest: number;
  /** The first checkpoint whose last line is in a segment that is left. */
  readonly base: StoredCheckpoint | undefined;
  /** The first thing that is wrong with the checkpoints themselves. */
  readonly problem: JournalProblem | undefined;
  /** Adds one that was kept elsewhere. */
  add(checkpoint: OpenedCheckpoint, last?: LinePlace): void;
}

/**
 * Reads the checkpoints beside a journal and verifies their signatures. Many over one tree take the room of one.
 *
 * @param firstSegment - The oldest segment that is left.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when they cannot be read.
 */
export async function readSignedTrees(
  directory: string,
  keys: readonly VerifierKey[],
  firstSegment: number,
): Promise<SignedTrees> {
  const trees = new Map<number, SignedTree>();
  let largest = 0;
  let base: StoredCheckpoint | undefined;
  let problem: JournalProblem | undefined;

  const complain = ({ segment, seq, offset }: LinePlace, expected: string, actual: string, what: string) => {
    problem ??= { segment, seq, offset, expected, actual, what };
  };

  function add({ size, root, time, cosignatures }: OpenedCheckpoint, last?: LinePlace): void {
    const known = trees.get(size);
    const tree = known ?? { size, root: alone(root), last, time, cosignedBy: new Set<string>() };
    if (!tree.root.equals(root)) {
      const place = last ?? tree.last ?? nowhere;
      complain(
        place,
        `root ${toBase64(tree.root)}`,
        `root ${toBase64(root)}`,
        `Two trees of ${size} lines were signed.`,
      );
    }
    trees.set(size, tree);
    tree.time = time === undefined ? tree.time : Math.max(time, tree.time ?? 0);
    for (const { name } of cosignatures) tree.cosignedBy.add(name);
    largest = Math.max(largest, size);
  }

  try {
    for await (const stored of readCheckpoints(directory)) {
      const { last } = stored;
      try {
        const opened = openCheckpoint(stored.note, keys);
        if (!leadsTo(stored, opened)) {
          complain(
            last,
            "the signed root",
            "another one",
            "What is stored with a checkpoint does not lead to its root.",
          );
          continue;
        }
        add(opened, last);
        if (base === undefined && last.segment >= firstSegment) base = stored;
      } catch (error) {
        if (!isGuardError(error)) throw error;
        complain(
          last,
          "a checkpoint signed by a given key",
          "another one",
          `A checkpoint does not verify: ${error.message}.`,
        );
      }
    }
  } catch (error) {
    if (!isGuardError(error) || error.code !== "ERR_AUDIT_CORRUPT") throw error;
    complain(nowhere, "a checkpoint", "another line", error.message);
  }
  return {
    trees,
    base,
    add,
    get problem() {
      return problem;
    },
    get largest() {
      return largest;
    },
  };
}

/** A copy of its own: a small buffer is cut from one of 8 KiB, and keeps all of that in memory. */
const alone = (bytes: Buffer): Buffer => Buffer.from(Uint8Array.from(bytes).buffer);

const nowhere: LinePlace = { segment: 1, offset: 0, seq: 0, hash: "", lineBytes: 0 };

function leadsTo(stored: StoredCheckpoint, { size, root }: OpenedCheckpoint): boolean {
  try {
    return stored.last.seq + 1 === size && frontierOf(stored).root().equals(root);
  } catch {
    return false; // another number of peaks
  }
}
