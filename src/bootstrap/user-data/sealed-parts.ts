import { createPublicKey, verify } from "node:crypto";
import { sha256 } from "../chunks.ts";
import { type Manifest, readManifest } from "../manifest.ts";
import { readDer } from "./decode.ts";
import type { Range } from "./public-parts.ts";

/** What of a text is sealed. */
export interface SealedParts {
  readonly ranges: readonly Range[];
  /** SHA-256 of the first chunk, wherever it stands; `undefined` where it is in a store. */
  readonly chunk?: string;
}

const title = "provider-guard bootstrap data 1\n";
const lastLine = /\nkey [a-z0-9-]{1,63} [0-9a-f]{64}\n/;
const signatures = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==/g;
const publicKeys = /-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{40,120}-----END PUBLIC KEY-----/g;
const maxTried = 4;
/** The token of `httpStore`'s opener: it buys the ciphertext, once. */
const storeToken = /^pg_store_token='[\w-]{16,256}'$/gm;

/** How the first of two stages begins, and where its own values end. */
const stage = /^pg_id='[0-9a-f]{32}'\npg_wrapped='([!-&(-~]{0,2048})'\n/m;
const stageEnd = /^pg_program='[0-9a-f]{64}'\npg_chunks='\d+'\npg_items='\d+'\npg_needs='[a-z ]*'\n/m;
const maxStageChars = 16_384;

/** DER of the content type: id-ct-authEnvelopedData, which a chunk's ciphertext begins with. */
const authEnveloped = Buffer.from("060b2a864886f70d0109100117", "hex");

/** Whether bytes are the first chunk of a sealing, by their form. */
export function isChunk(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256));
  return /^pgc1 0 \d+ (?:-|[0-9a-f]{64})\n0/.test(buffer.toString("latin1")) && buffer.includes(authEnveloped);
}

function isSigned(text: string, by: string, signature: string): boolean {
  try {
    const key = createPublicKey(by);
    return (
      key.asymmetricKeyType === "ed25519" && verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"))
    );
  } catch {
    return false;
  }
}

function manifestIn(text: string): { readonly manifest: Manifest; readonly text: string } | undefined {
  const from = text.indexOf(title);
  const end = lastLine.exec(text.slice(from, from + 4096));
  if (from < 0 || end === null) return undefined;
  const found = text.slice(from, from + end.index + end[0].length);
  try {
    return { manifest: readManifest(found), text: found };
  } catch {
    return undefined;
  }
}

const rangesOf = (found: readonly RegExpMatchArray[]) =>
  found.map(({ 0: part, index = 0 }): Range => [index, index + part.length]);

/** Whether a wrapped text holds a key that was not wrapped at all. */
const isPlainKey = (wrapped: string) =>
  wrapped.split(/[^A-Za-z0-9+/=_-]/).some((word) => readDer(Buffer.from(word, "base64")) === "private");

/**
 * The opener's first stage holds no manifest, which lies in the store with the rest. It is recognised by its form; of
 * what stands there no more is covered than the wrapped key, which must not be a key as it is, and the store's token.
 */
function stagedParts(text: string): SealedParts | undefined {
  const found = stage.exec(text);
  if (found === null || !stageEnd.test(text.slice(found.index, found.index + maxStageChars))) return undefined;
  return isPlainKey(found[1] as string) ? undefined : { ranges: rangesOf([found, ...text.matchAll(storeToken)]) };
}

/**
 * Recognises what this library seals: the first stage of an opener; or a manifest, the signature that verifies it by a public key which stands beside
 * it, and the wrapped key whose digest it holds. Whatever else stands there is not covered.
 */
export function sealedParts(text: string): SealedParts | undefined {
  const found = manifestIn(text);
  if (found === undefined) return stagedParts(text);
  const keys = [...text.matchAll(publicKeys)].slice(0, maxTried);
  const signed = [...text.matchAll(signatures)]
    .slice(0, maxTried)
    .find(({ 0: signature }) => keys.some(([key]) => isSigned(found.text, key, signature)));
  if (signed === undefined) return undefined;
  const { key, cipher } = found.manifest;
  const wrapped = [...text.matchAll(/'([!-&(-~ ]{16,2048})'/g)].filter(
    (quoted) => sha256(quoted[1] as string) === key.sha256,
  );
  return { ranges: rangesOf([signed, ...wrapped, ...text.matchAll(storeToken)]), chunk: cipher.sha256 };
}
