import { verify } from "node:crypto";
import { GuardError } from "../../core/errors.ts";
import { fromBase64, fromDecimal, toBase64 } from "./base64.ts";
import { signatureTypes, type VerifierKey } from "./verifier-key.ts";

/** Longest note, in UTF-16 units, that is read; and most signatures in one. */
const maxLength = 1024 * 1024;
const maxSignatures = 100;

const signatureBytes = 64;
const timeBytes = 8;
const signatureLine = /^— ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are forbidden in notes
const forbidden = /[\x00-\x09\x0b-\x1f]/;

/** One line under a note. */
interface SignatureLine {
  readonly name: string;
  readonly id: string;
  readonly bytes: Buffer;
  readonly line: string;
}

/** Whose signature under a note was verified. */
export interface NoteSignature {
  /** The key's name. */
  readonly name: string;
  /** Unix seconds at which a witness signed; not there for other signatures. */
  readonly time?: number;
}

/** A note with at least one good signature by a known key, and no bad one. */
export interface OpenedNote {
  /** What was signed, with its final newline. */
  readonly text: string;
  readonly signatures: readonly (NoteSignature & { readonly key: VerifierKey; readonly line: string })[];
}

const invalid = (why: string) => new GuardError("ERR_CHECKPOINT_INVALID", `signed note: ${why}`);

/** Writes the line for a signature by a key. */
export function signatureLineOf(name: string, id: string, signature: Uint8Array): string {
  return `— ${name} ${toBase64(Buffer.concat([Buffer.from(id, "hex"), signature]))}\n`;
}

function parse(note: string): { readonly text: string; readonly signatures: readonly SignatureLine[] } {
  if (typeof note !== "string") throw invalid("expected a text");
  if (note.length > maxLength) throw invalid(`${note.length} characters are too many`);
  if (forbidden.test(note)) throw invalid("it holds control characters");
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0 || !note.endsWith("\n")) throw invalid("expected a text, an empty line and signatures");
  const lines = note.slice(blank + 2, -1).split("\n");
  if (lines.length > maxSignatures) throw invalid(`${lines.length} signatures are too many`);
  const signatures = lines.map((line) => {
    const [, name, base64] = signatureLine.exec(line) ?? [];
    const bytes = base64 === undefined ? undefined : fromBase64(base64);
    if (name === undefined || bytes === undefined || bytes.length < 5) throw invalid("a signature line is malformed");
    return { name, id: bytes.toString("hex", 0, 4), bytes: bytes.subarray(4), line: `${line}\n` };
  });
  return { text: note.slice(0, blank + 1), signatures };
}

/** The time of a good signature, 0 for one without a time; `undefined` for a bad one. */
function check(text: string, { bytes }: SignatureLine, { key, type }: VerifierKey): number | undefined {
  if (type === signatureTypes.ed25519) {
    return bytes.length === signatureBytes && verify(null, Buffer.from(text), key, bytes) ? 0 : undefined;
  }
  if (bytes.length !== timeBytes + signatureBytes) return undefined;
  const time = fromDecimal(bytes.readBigUInt64BE().toString());
  if (time === undefined) return undefined;
  const message = Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
  return verify(null, message, key, bytes.subarray(timeBytes)) ? time : undefined;
}

/**
 * Reads a note and verifies it. Signatures by unknown keys are ignored; one bad signature by a known key
 * spoils the note, as C2SP recommends.
 *
 * @throws {@link GuardError} `ERR_CHECKPOINT_INVALID`: malformed, badly signed, or signed by no known key.
 */
export function openNote(note: string, keys: readonly VerifierKey[]): OpenedNote {
  const { text, signatures } = parse(note);
  const good = signatures.flatMap((signature) => {
    const key = keys.find(({ name, id }) => name === signature.name && id === signature.id);
    if (key === undefined) return [];
    const time = check(text, signature, key);
    if (time === undefined)
      throw invalid(`the signature of ${key.name} is wrong: the text was changed, or it was forged`);
    return [
      { name: key.name, ...(key.type === signatureTypes.cosignature ? { time } : {}), key, line: signature.line },
    ];
  });
  if (good.length === 0) {
    const names = signatures.map(({ name, id }) => `${name} (${id})`).join(", ");
    throw invalid(`signed by none of the given keys, but by ${names}`);
  }
  return { text, signatures: good };
}
