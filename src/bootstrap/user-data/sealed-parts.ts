import { createPublicKey, verify } from "node:crypto";
import { sha256 } from "../chunks.ts";
import { type Manifest, readManifest } from "../manifest.ts";
import type { Range } from "./public-parts.ts";

/** What of a text is sealed. */
export interface SealedParts {
  /** Ciphertexts and signatures: they look random, and nothing can be read in them. */
  readonly opaque: readonly Range[];
  /** The token of `httpStore`'s opener, if there is one: it buys the ciphertext, once. */
  readonly tokens: readonly Range[];
  /** SHA-256 of the first chunk, wherever it stands; `undefined` where it is in a store. */
  readonly chunk?: string;
}

const title = "provider-guard bootstrap data 1\n";
const lastLine = /\nkey [a-z0-9-]{1,63} [0-9a-f]{64}\n/;
const signatures = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==/g;
const publicKeys = /-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{40,120}-----END PUBLIC KEY-----/g;
const maxTried = 4;
/** 256 bits in base64url: passwords and tokens of others have other lengths. */
const storeToken = /^pg_store_token='[\w-]{43}'$/m;

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

/** @param from - Where the text that was searched begins. */
const rangesOf = (found: readonly RegExpMatchArray[], from = 0) =>
  found.map(({ 0: part, index = 0 }): Range => [from + index, from + index + part.length]);

/** A private key has 138 bytes: what wraps it has at least 128 in one piece. Passwords are shorter. */
const ciphertext = /[\w+/-]{171}/;

/**
 * The opener's first stage holds no manifest, which lies in the store with the rest. It is recognised by its form, so
 * that no more of it is taken for sealed than what is long enough to be a wrapped key, and the store's token.
 */
function stagedParts(text: string): SealedParts | undefined {
  const found = stage.exec(text);
  if (found === null) return undefined;
  const first = text.slice(found.index, found.index + maxStageChars);
  const end = stageEnd.exec(first);
  if (end === null) return undefined;
  const token = storeToken.exec(first.slice(0, end.index));
  const opaque = ciphertext.test(found[1] as string) ? rangesOf([found]) : [];
  return { opaque, tokens: token === null ? [] : rangesOf([token], found.index) };
}

/**
 * Recognises what this library seals: a manifest, the signature that verifies it by a public key which stands beside
 * it, and the wrapped key whose digest it holds; or the first stage of an opener. Whatever else stands there is not
 * covered.
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
  return { opaque: rangesOf([signed, ...wrapped]), tokens: [], chunk: cipher.sha256 };
}
