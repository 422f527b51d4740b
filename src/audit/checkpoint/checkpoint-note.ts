import { GuardError } from "../../core/errors.ts";
import { fromDecimal, hashFromBase64, toBase64 } from "./base64.ts";
import { emptyRoot } from "./merkle.ts";
import { type NoteSignature, type OpenedNote, openNote } from "./note.ts";
import { signatureTypes, type VerifierKey } from "./verifier-key.ts";

/** A tree, as its log describes it. */
export interface TreeHead {
  /** Which log: its key's name, or that and more after a slash. */
  readonly origin: string;
  /** Leaves: the journal's lines. */
  readonly size: number;
  readonly root: Buffer;
  /** Unix seconds at which it was signed; from an extension line of ours, so not there in other logs' checkpoints. */
  readonly time?: number;
}

/** A checkpoint whose signature was verified. */
export interface OpenedCheckpoint extends TreeHead {
  /** The note's text: what the log and its witnesses signed. */
  readonly text: string;
  readonly cosignatures: readonly (NoteSignature & { readonly line: string })[];
}

/** Writes the text of a checkpoint: origin, size, root, and when it was signed. */
export const formatTreeHead = ({ origin, size, root, time }: TreeHead): string =>
  `${origin}\n${size}\n${toBase64(root)}\n${time === undefined ? "" : `time ${time}\n`}`;

/** Whether a key may sign for a log. */
export const signsFor = (name: string, origin: string): boolean => origin === name || origin.startsWith(`${name}/`);

const invalid = (why: string) => new GuardError("ERR_CHECKPOINT_INVALID", `checkpoint: ${why}`);

function parseTreeHead(text: string): TreeHead {
  const [origin = "", decimal = "", base64 = "", ...extensions] = text.slice(0, -1).split("\n");
  const size = fromDecimal(decimal);
  const root = hashFromBase64(base64);
  if (origin === "" || size === undefined || root === undefined || extensions.includes("")) {
    throw invalid("expected lines with origin, size and root");
  }
  if (size === 0 && !root.equals(emptyRoot)) throw invalid("the root of the empty tree is another one");
  const time = extensions.map((line) => (line.startsWith("time ") ? fromDecimal(line.slice(5)) : undefined));
  const first = time.find((seconds) => seconds !== undefined);
  return { origin, size, root, ...(first === undefined ? {} : { time: first }) };
}

/**
 * Reads a checkpoint, and verifies that its log signed it.
 *
 * @param keys - At least one of them the log's; witnesses' keys are optional.
 * @throws {@link GuardError} `ERR_CHECKPOINT_INVALID`: malformed, or not signed by a key that may sign for that log.
 */
export function openCheckpoint(note: string, keys: readonly VerifierKey[]): OpenedCheckpoint {
  const { text, signatures }: OpenedNote = openNote(note, keys);
  const head = parseTreeHead(text);
  const signed = signatures.some(({ key }) => key.type === signatureTypes.ed25519 && signsFor(key.name, head.origin));
  if (!signed) throw invalid(`no given key of a log signed it for ${head.origin}`);
  const cosignatures = signatures
    .filter(({ key }) => key.type === signatureTypes.cosignature)
    .map(({ name, time, line }) => ({ name, ...(time === undefined ? {} : { time }), line }));
  return { ...head, text, cosignatures };
}
