import { GuardError } from "../../core/errors.ts";
import { fromBase64, fromDecimal, hashFromBase64, toBase64 } from "./base64.ts";

/** A line of a journal, where it is in the tree, and the checkpoint over the tree. */
export interface TlogProof {
  readonly line: Buffer;
  readonly index: number;
  readonly path: readonly Buffer[];
  readonly note: string;
}

const title = "c2sp.org/tlog-proof@v1";
const longestPath = 63;

/** Writes a proof as C2SP's tlog-proof, with the line as extra data. */
export function formatProof({ line, index, path, note }: TlogProof): string {
  const lines = [title, `extra ${toBase64(line)}`, `index ${index}`, ...path.map(toBase64)];
  return `${lines.join("\n")}\n\n${note}`;
}

/** @throws {@link GuardError} `ERR_CHECKPOINT_INVALID` where it is malformed; nothing is verified. */
export function parseProof(proof: string): TlogProof {
  const blank = proof.indexOf("\n\n");
  const [first, extra = "", position = "", ...hashes] = proof.slice(0, Math.max(0, blank)).split("\n");
  const line = extra.startsWith("extra ") ? fromBase64(extra.slice(6)) : undefined;
  const index = position.startsWith("index ") ? fromDecimal(position.slice(6)) : undefined;
  const path = hashes.flatMap((text) => hashFromBase64(text) ?? []);
  const whole = first === title && path.length === hashes.length && path.length <= longestPath;
  if (!whole || line === undefined || index === undefined) {
    throw new GuardError("ERR_CHECKPOINT_INVALID", `proof: expected ${title} with a line, its index and its path`);
  }
  return { line, index, path, note: proof.slice(blank + 2) };
}
