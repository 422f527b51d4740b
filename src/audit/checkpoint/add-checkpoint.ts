import { GuardError } from "../../core/errors.ts";
import { fromDecimal, hashFromBase64, toBase64 } from "./base64.ts";

/** A checkpoint, and how it continues an older tree. */
export interface AddCheckpoint {
  /** Leaves of the older tree. */
  readonly from: number;
  readonly path: readonly Buffer[];
  readonly note: string;
}

const longestPath = 63;

/** Writes the body of a witness's `add-checkpoint`. @see C2SP tlog-witness, read 2026-11 */
export function formatAddCheckpoint(from: number, path: readonly Uint8Array[], note: string): string {
  return `${[`old ${from}`, ...path.map(toBase64)].join("\n")}\n\n${note}`;
}

/** @throws {@link GuardError} `ERR_CHECKPOINT_INVALID` where it is malformed; the note is not verified. */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const blank = body.indexOf("\n\n");
  const [old = "", ...lines] = body.slice(0, Math.max(0, blank)).split("\n");
  const from = old.startsWith("old ") ? fromDecimal(old.slice(4)) : undefined;
  const path = lines.flatMap((line) => hashFromBase64(line) ?? []);
  if (from === undefined || path.length < lines.length || path.length > longestPath) {
    throw new GuardError("ERR_CHECKPOINT_INVALID", "consistency proof: expected `old SIZE`, hashes, and a checkpoint");
  }
  return { from, path, note: body.slice(blank + 2) };
}
