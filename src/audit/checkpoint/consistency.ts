import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { GuardError } from "../../core/errors.ts";
import { formatAddCheckpoint, parseAddCheckpoint } from "./add-checkpoint.ts";
import { hashFromBase64 } from "./base64.ts";
import { newestCheckpointWithin } from "./checkpoint-files.ts";
import { openCheckpoint } from "./checkpoint-note.ts";
import { isConsistent } from "./merkle.ts";
import { problemOf } from "./outcome.ts";
import { hashConsistency } from "./subtree-hashes.ts";
import { parseVerifierKeys } from "./verifier-key.ts";

/** What to prove. */
export interface ProveConsistencyOptions {
  /** The journal's directory. */
  readonly directory: string;
  /** Lines of the older tree: the second line of a checkpoint that somebody has kept. At least 1. */
  readonly from: number;
  /**
   * Lines of the newer tree, at most.
   * @defaultValue those of the newest checkpoint
   */
  readonly to?: number;
  readonly signal?: AbortSignal;
}

/** What a proof of consistency shows. */
export interface ConsistencyVerification {
  /** Whether the newer tree is the older one with lines added at its end, and nothing else. */
  readonly ok: boolean;
  /** Why not. */
  readonly problem?: string;
  readonly origin?: string;
  /** Lines of the older and of the newer tree. */
  readonly from?: number;
  readonly to?: number;
}

const schema = z.strictObject({
  directory: z.string().min(1),
  from: z.int().min(1),
  to: z.int().min(1).optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/**
 * Proves to somebody who kept an older checkpoint that nothing under it was changed or cut off since.
 *
 * @param options - See {@link ProveConsistencyOptions}.
 * @returns The proof: the old size, the path and the newer checkpoint, in the form in which C2SP's witnesses get it.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: a wrong option, or no checkpoint over so many lines.
 * @throws {@link GuardError} `ERR_CHECKPOINT_INCONSISTENT`: the journal is not the one that was signed.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`, `ERR_AUDIT_CORRUPT`: it cannot be read, or was changed.
 * @throws `options.signal.reason` when aborted.
 * @example
 * import { proveConsistency } from "provider-guard/audit";
 * const proof = await proveConsistency({ directory: "/var/log/acme-audit", from: 4711 });
 */
export async function proveConsistency(options: ProveConsistencyOptions): Promise<string> {
  const { directory, from, to, signal } = parseOptions(schema, options, "proveConsistency");
  const stored = await newestCheckpointWithin(directory, to);
  const size = (stored?.last.seq ?? -1) + 1;
  if (stored === undefined || size < from) {
    throw new GuardError("ERR_CONFIG_INVALID", `proveConsistency.from: checkpoints cover ${size} lines, not ${from}`);
  }
  if (size === from) return formatAddCheckpoint(from, [], stored.note);
  const { path, root } = await hashConsistency(directory, from, size, signal);
  if (hashFromBase64(stored.note.split("\n")[2] ?? "")?.equals(root) !== true) {
    throw new GuardError(
      "ERR_CHECKPOINT_INCONSISTENT",
      `audit journal ${directory}: its lines do not lead to the root of the checkpoint over ${size}. Verify the journal`,
    );
  }
  return formatAddCheckpoint(from, path, stored.note);
}

/**
 * Verifies that a newer tree continues an older one, without the journal. A problem is a result, not an error.
 *
 * @param proof - What {@link proveConsistency} made.
 * @param older - The older checkpoint, as it was kept.
 * @param publicKeys - The log's keys (`name+id+base64`).
 * @returns Whether it does; or why not.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a malformed key.
 * @example
 * import { verifyConsistency } from "provider-guard/audit";
 * declare const proof: string, kept: string, publicKey: string;
 * if (!verifyConsistency(proof, kept, [publicKey]).ok) console.error("the journal was changed");
 */
export function verifyConsistency(
  proof: string,
  older: string,
  publicKeys: readonly string[],
): ConsistencyVerification {
  const keys = parseVerifierKeys(publicKeys, "publicKeys");
  return problemOf(() => {
    const { from, path, note } = parseAddCheckpoint(String(proof));
    const then = openCheckpoint(older, keys);
    const now = openCheckpoint(note, keys);
    const refuse = (why: string) => new GuardError("ERR_CHECKPOINT_INVALID", `consistency proof: ${why}`);
    if (then.origin !== now.origin) throw refuse(`one checkpoint is of ${then.origin}, the other of ${now.origin}`);
    if (then.size !== from) throw refuse(`it starts from ${from} lines, and the older checkpoint has ${then.size}`);
    if (!isConsistent(from, then.root, now.size, now.root, path)) {
      throw refuse(`the tree of ${now.size} lines does not continue the one of ${from}`);
    }
    return { ok: true, origin: now.origin, from, to: now.size };
  });
}
