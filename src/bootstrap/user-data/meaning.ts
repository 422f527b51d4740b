import { isUnreadable, readDer, textOf, type Unpacked, unpack } from "./decode.ts";
import { isSshPublicKey } from "./public-parts.ts";

/** What bytes turn out to be, with what is inside of them. */
export type Meaning =
  | { readonly is: "private" | "public" | "unreadable" }
  | { readonly is: "packed"; readonly unpacked: Unpacked }
  | { readonly is: "text"; readonly text: string };

const opensshMagic = "openssh-key-v1\0";

/**
 * Tells what bytes are.
 *
 * @param maxBytes - What may become of them unpacked.
 * @returns `undefined` for what is nothing that is known: ciphertext, say.
 */
export function meaningOf(bytes: Uint8Array, maxBytes: number): Meaning | undefined {
  const unpacked = unpack(bytes, maxBytes);
  if (unpacked !== undefined) return { is: "packed", unpacked };
  if (isUnreadable(bytes)) return { is: "unreadable" };
  const der = readDer(bytes);
  if (der !== undefined) return { is: der };
  if (Buffer.from(bytes.subarray(0, opensshMagic.length)).toString("latin1") === opensshMagic) return { is: "private" };
  if (isSshPublicKey(bytes)) return { is: "public" };
  const text = textOf(bytes);
  return text === undefined ? undefined : { is: "text", text };
}

/** Whether bytes are something, and nothing of it is missing or too much. */
export function isComplete(meaning: Meaning | undefined): boolean {
  if (meaning?.is !== "packed") return meaning !== undefined;
  return meaning.unpacked.whole && meaning.unpacked.rest.every((byte) => byte === 0);
}
