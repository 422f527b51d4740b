import { hash } from "node:crypto";
import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { GuardError } from "../../core/errors.ts";
import { scanJournal } from "../journal-scan.ts";
import { toBase64 } from "./base64.ts";
import { newestCheckpointWithin } from "./checkpoint-files.ts";
import { openCheckpoint } from "./checkpoint-note.ts";
import { inclusionRanges, rootFromInclusion } from "./merkle.ts";
import { problemOf } from "./outcome.ts";
import { hashSubtrees } from "./subtree-hashes.ts";
import { formatProof, parseProof } from "./tlog-proof.ts";
import { parseVerifierKeys } from "./verifier-key.ts";

/** What to prove. */
export interface ProveInclusionOptions {
  /** The journal's directory. */
  readonly directory: string;
  /** Number of the line; or */
  readonly seq?: number;
  /** the id of a call: its first line, the intent of one that changes something. */
  readonly call?: string;
  readonly signal?: AbortSignal;
}

/** What a proof of inclusion shows. */
export interface InclusionVerification {
  /** Whether the line is in the journal that the log signed. */
  readonly ok: boolean;
  /** Why not. */
  readonly problem?: string;
  /** The line, word by word; a JSON object. */
  readonly line?: string;
  readonly seq?: number;
  /** Which log signed it. */
  readonly origin?: string;
  /** Lines of the signed tree. */
  readonly size?: number;
  /** Unix seconds at which the log signed the tree: the line is not younger. */
  readonly time?: number;
  /** Known witnesses that cosigned the tree. */
  readonly cosignedBy?: readonly string[];
}

const schema = z
  .strictObject({
    directory: z.string().min(1),
    seq: z.int().min(0).optional(),
    call: z
      .string()
      .regex(/^[\w.-]+$/)
      .optional(),
    signal: z.instanceof(AbortSignal).optional(),
  })
  .refine(({ seq, call }) => (seq === undefined) !== (call === undefined), "expected either seq or call");

/**
 * Proves to somebody who has no access to the journal that a line is in it: with the line, its path in the
 * Merkle tree and the newest checkpoint. Works while the journal is written.
 *
 * @param options - See {@link ProveInclusionOptions}.
 * @returns The proof: C2SP's tlog-proof, with the line as its extra data.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: a wrong option, no such line, or none that a checkpoint covers yet.
 * @throws {@link GuardError} `ERR_CHECKPOINT_INCONSISTENT`: the journal is not the one that was signed.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`, `ERR_AUDIT_CORRUPT`: it cannot be read, or was changed.
 * @throws `options.signal.reason` when aborted.
 * @example
 * import { proveInclusion } from "provider-guard/audit";
 * const proof = await proveInclusion({ directory: "/var/log/acme-audit", seq: 4711 });
 * @see C2SP tlog-proof, read 2026-11
 */
export async function proveInclusion(options: ProveInclusionOptions): Promise<string> {
  const { directory, seq, call, signal } = parseOptions(schema, options, "proveInclusion");
  const index = seq ?? (await findCall(directory, call as string, signal));
  const stored = await newestCheckpointWithin(directory);
  const size = (stored?.last.seq ?? -1) + 1;
  if (stored === undefined || index >= size) {
    throw new GuardError(
      "ERR_CONFIG_INVALID",
      `proveInclusion: checkpoints cover ${size} lines, and not yet line ${index}`,
    );
  }
  let line = Buffer.alloc(0);
  const ranges = inclusionRanges(index, size);
  const { path, root } = await hashSubtrees({
    directory,
    ranges,
    from: index,
    size,
    visit: (place, bytes) => {
      if (place.seq === index) line = Buffer.from(bytes);
    },
    signal,
  });
  if (stored.note.split("\n")[2] !== toBase64(root)) {
    throw new GuardError(
      "ERR_CHECKPOINT_INCONSISTENT",
      `audit journal ${directory}: its lines do not lead to the root of the newest checkpoint. Verify the journal`,
    );
  }
  return formatProof({ line, index, path, note: stored.note });
}

async function findCall(directory: string, call: string, signal: AbortSignal | undefined): Promise<number> {
  let found: number | undefined;
  const needle = `"call":"${call}"`;
  const record = ({ text }: { readonly text: string }, { seq }: { readonly seq: number }) => {
    if (found === undefined && text.includes(needle)) found = seq;
    return undefined;
  };
  await scanJournal(directory, { record }, { from: "oldest", signal });
  if (found !== undefined) return found;
  throw new GuardError("ERR_CONFIG_INVALID", `proveInclusion.call: the journal has no call ${call}`);
}

/**
 * Verifies that a line is in a journal, without the journal. A problem is a result, not an error.
 *
 * @param proof - What {@link proveInclusion} made.
 * @param publicKeys - The log's key (`name+id+base64`), and those of witnesses that are trusted, if any.
 * @returns The line and the tree that it is in; or why not.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a malformed key.
 * @example
 * import { verifyInclusion } from "provider-guard/audit";
 * declare const proof: string;
 * const { ok, line, cosignedBy } = verifyInclusion(proof, [
 *   "audit.example.com/acme+7597e9e1+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
 * ]);
 */
export function verifyInclusion(proof: string, publicKeys: readonly string[]): InclusionVerification {
  const keys = parseVerifierKeys(publicKeys, "publicKeys");
  return problemOf(() => {
    const { line, index, path, note } = parseProof(String(proof));
    const { origin, size, root, time, cosignatures } = openCheckpoint(note, keys);
    const leaf = hash("sha256", Buffer.concat([Buffer.of(0), line]), "buffer");
    if (rootFromInclusion(leaf, index, size, path)?.equals(root) !== true) {
      throw new GuardError("ERR_CHECKPOINT_INVALID", `line ${index} with this path is not in the signed tree`);
    }
    const cosignedBy = [...new Set(cosignatures.map(({ name }) => name))];
    const text = line.toString("utf8");
    return { ok: true, line: text, seq: index, origin, size, ...(time === undefined ? {} : { time }), cosignedBy };
  });
}
