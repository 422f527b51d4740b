import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { type JournalScan, scanJournal } from "../journal-scan.ts";
import type { JournalHead } from "../line.ts";
import type { Finding, JournalProblem } from "../problem.ts";
import { listSegments, missing } from "../segment-list.ts";
import type { Check, VerificationStatus } from "../verify.ts";
import { openCheckpoint } from "./checkpoint-note.ts";
import { firstDifference } from "./first-difference.ts";
import { Frontier } from "./frontier.ts";
import { frontierOf } from "./journal-tree.ts";
import { readSignedTrees, type SignedTree } from "./signed-trees.ts";
import { parseVerifierKeys } from "./verifier-key.ts";

/** What to verify. */
export interface VerifyCheckpointsOptions {
  /** The journal's directory. */
  readonly directory: string;
  /** The log's keys (`name+id+base64`), former ones too, and those of witnesses that are trusted. */
  readonly publicKeys: readonly string[];
  /**
   * A checkpoint that was kept elsewhere: the journal must contain that very tree. Without one nobody can
   * tell whether lines were cut off the end together with their checkpoints.
   * @defaultValue nothing is pinned
   */
  readonly head?: string;
  readonly signal?: AbortSignal;
}

/** What {@link verifyCheckpoints} found. */
export interface CheckpointsVerification {
  /** Whether the journal is the one that was signed, as far as it was signed. */
  readonly ok: boolean;
  /** `incomplete`: nothing is known to be wrong, and something is missing, such as any checkpoint. */
  readonly status: VerificationStatus;
  /** Signed trees whose roots the stored lines lead to. */
  readonly trees: number;
  /** Lines under the newest of them: so many are vouched for. */
  readonly size: number;
  /** Lines after those: nobody signed them yet. */
  readonly unsigned: number;
  /** Unix seconds at which the newest checkpoint was signed. */
  readonly time?: number;
  /** Known witnesses that cosigned the newest tree. */
  readonly cosignedBy: readonly string[];
  /** Whether lines cut off the end would have been missed: only a pinned head tells. */
  readonly truncation: "checked" | "not checkable";
  /** The first problem, and where. */
  readonly problem?: JournalProblem;
}

const schema = z.strictObject({
  directory: z.string().min(1),
  publicKeys: z.array(z.string()),
  head: z.string().optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/**
 * Reads a whole journal again, and checks that its lines lead to the root of each checkpoint that is kept
 * beside it, and of a pinned one; and that its chain is whole. Memory grows with the number of signed trees
 * alone. A journal may be verified while it is written; a problem is a result, not an error. Where the
 * oldest segments are gone it begins at the first checkpoint whose line is left.
 *
 * @param options - See {@link VerifyCheckpointsOptions}.
 * @returns How much is vouched for, and the first problem with its place.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option.
 * @throws {@link GuardError} `ERR_CHECKPOINT_INVALID` when the pinned head does not verify under the keys.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when the directory cannot be read, or the format is newer.
 * @throws `options.signal.reason` when aborted.
 * @example
 * import { verifyCheckpoints } from "provider-guard/audit";
 * declare const kept: string, publicKey: string;
 * const { ok, problem, unsigned } = await verifyCheckpoints({
 *   directory: "/var/log/acme-audit",
 *   publicKeys: [publicKey],
 *   head: kept,
 * });
 */
export async function verifyCheckpoints(options: VerifyCheckpointsOptions): Promise<CheckpointsVerification> {
  const check = await checkpointsCheck(options);
  const { directory, signal } = options;
  return check.conclude(await scanJournal(directory, check, { from: "oldest", signal }));
}

/** Checks that a journal's lines lead to the roots of its checkpoints. @throws As {@link verifyCheckpoints}. */
export async function checkpointsCheck(
  options: VerifyCheckpointsOptions,
): Promise<Check<Promise<CheckpointsVerification>>> {
  const { directory, publicKeys, head, signal } = parseOptions(schema, options, "verifyCheckpoints");
  const keys = parseVerifierKeys(publicKeys, "verifyCheckpoints.publicKeys");
  const pinned = head === undefined ? undefined : openCheckpoint(head, keys);
  const first = (await listSegments(directory))[0] ?? 1;
  const signed = await readSignedTrees(directory, keys, first);
  if (pinned !== undefined) signed.add(pinned);

  // Where the oldest segments are gone, a signed frontier stands for them.
  let frontier = first === 1 ? new Frontier() : undefined;
  let held = 0;
  let newest: SignedTree | undefined;
  let differing: SignedTree | undefined;
  const see = ({ seq, hash }: JournalHead): Finding | undefined => {
    if (frontier !== undefined) frontier.append(hash);
    else if (hash === signed.base?.last.hash) frontier = frontierOf(signed.base);
    const tree = frontier === undefined ? undefined : signed.trees.get(seq + 1);
    if (tree === undefined) return undefined;
    if (frontier?.root().equals(tree.root) !== true) {
      differing = tree;
      return anotherTree;
    }
    held++;
    newest = tree;
    return undefined;
  };
  async function conclude(scan: JournalScan): Promise<CheckpointsVerification> {
    const end = { segment: scan.last, seq: scan.head.seq + 1, offset: scan.end };
    const difference =
      differing === undefined || frontier === undefined
        ? undefined
        : await firstDifference(directory, newest, differing, frontier, signal);
    const tampered =
      difference ??
      (scan.gap === undefined ? scan.problem : undefined) ??
      (signed.largest > end.seq ? { ...end, ...cut(signed.largest, end.seq) } : undefined) ??
      signed.problem;
    const incomplete =
      scan.problem ??
      (scan.first === 0 ? { seq: 0, ...missing(1, "no segment at all") } : undefined) ??
      (held === 0 ? { ...end, ...noCheckpoint } : undefined);
    const problem = tampered ?? incomplete;
    const size = newest?.size ?? 0;
    // A pinned tree that ends before what is left of the journal cannot be computed again.
    const checked = pinned !== undefined && pinned.size >= (first === 1 ? 0 : (signed.base?.last.seq ?? 0) + 1);
    return {
      ok: problem === undefined,
      status: tampered !== undefined ? "tampered" : incomplete !== undefined ? "incomplete" : "ok",
      trees: held,
      size,
      unsigned: Math.max(0, end.seq - size),
      ...(newest?.time === undefined ? {} : { time: newest.time }),
      cosignedBy: [...(newest?.cosignedBy ?? [])],
      truncation: checked ? "checked" : "not checkable",
      ...(problem === undefined ? {} : { problem }),
    };
  }

  return { record: (_, at) => see(at), link: see, conclude };
}

const anotherTree: Finding = {
  expected: "the root that was signed",
  actual: "another root",
  what: "This line or one before it is not the one that was signed.",
};

const noCheckpoint: Finding = {
  expected: "a checkpoint",
  actual: "none",
  what: "No checkpoint covers any line that is left: nobody signed this journal, or its checkpoints were removed.",
};

const cut = (size: number, found: number): Finding => ({
  expected: `${size} lines`,
  actual: `${found} lines`,
  what: "Lines that a checkpoint covers were cut off the end.",
});
