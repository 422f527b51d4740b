import { toBase64 } from "./base64.ts";
import { openCheckpoint } from "./checkpoint-note.ts";
import { type NoteSignature, openNote } from "./note.ts";
import { problemOf } from "./outcome.ts";
import { parseVerifierKeys } from "./verifier-key.ts";

/** What a signed note says. */
export interface NoteVerification {
  /** Whether at least one given key signed it, and none of them badly. */
  readonly ok: boolean;
  /** Why not. */
  readonly problem?: string;
  /** What was signed; not there unless it verifies, since it must not be believed then. */
  readonly text?: string;
  readonly signatures?: readonly NoteSignature[];
}

/**
 * Verifies a C2SP signed note. A problem is a result, not an error.
 *
 * @param note - Text, empty line, signatures.
 * @param publicKeys - Keys that are trusted (`name+id+base64`): Ed25519, and witnesses'.
 * @returns The text and who signed it; or why it does not verify.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a malformed key.
 * @example
 * import { verifyNote } from "provider-guard/audit";
 * declare const note: string;
 * const { ok, text } = verifyNote(note, ["example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"]);
 * @see C2SP signed-note, read 2026-11
 */
export function verifyNote(note: string, publicKeys: readonly string[]): NoteVerification {
  const keys = parseVerifierKeys(publicKeys, "publicKeys");
  return problemOf(() => {
    const { text, signatures } = openNote(note, keys);
    const signed = signatures.map(({ name, time }) => ({ name, ...(time === undefined ? {} : { time }) }));
    return { ok: true, text, signatures: signed };
  });
}

/** What a checkpoint says. */
export interface CheckpointVerification {
  /** Whether its log signed it. */
  readonly ok: boolean;
  /** Why not. */
  readonly problem?: string;
  readonly origin?: string;
  /** Lines of the journal. */
  readonly size?: number;
  /** Root of the Merkle tree over them, in base64. */
  readonly root?: string;
  /** Unix seconds at which it was signed. */
  readonly time?: number;
  /** Known witnesses that cosigned it, and when. */
  readonly cosignatures?: readonly NoteSignature[];
}

/**
 * Verifies a checkpoint by itself: who signed how many lines, and when. A problem is a result, not an error.
 *
 * @param note - The checkpoint.
 * @param publicKeys - The log's key, and those of witnesses that are trusted (`name+id+base64`).
 * @returns What it says; or why it does not verify.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a malformed key.
 * @example
 * import { verifyCheckpoint } from "provider-guard/audit";
 * declare const note: string, publicKey: string;
 * const { ok, size, time } = verifyCheckpoint(note, [publicKey]);
 * @see C2SP tlog-checkpoint, read 2026-11
 */
export function verifyCheckpoint(note: string, publicKeys: readonly string[]): CheckpointVerification {
  const keys = parseVerifierKeys(publicKeys, "publicKeys");
  return problemOf(() => {
    const { origin, size, root, time, cosignatures } = openCheckpoint(note, keys);
    const cosigned = cosignatures.map((one) => ({
      name: one.name,
      ...(one.time === undefined ? {} : { time: one.time }),
    }));
    return {
      ok: true,
      origin,
      size,
      root: toBase64(root),
      ...(time === undefined ? {} : { time }),
      cosignatures: cosigned,
    };
  });
}
