import { createPublicKey, verify } from "node:crypto";
import { sha256 } from "../chunks.ts";
import { type Manifest, readManifest } from "../manifest.ts";
import type { Range } from "./public-parts.ts";

/** What of a text is sealed, because a manifest says so whose signature is right. */
export interface SealedParts {
  readonly ranges: readonly Range[];
  /** SHA-256 of the first chunk, wherever it stands. */
  readonly chunk: string;
}

const title = "provider-guard bootstrap data 1\n";
const lastLine = /\nkey [a-z0-9-]{1,63} [0-9a-f]{64}\n/;
const signatures = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==/g;
const publicKeys = /-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{40,120}-----END PUBLIC KEY-----/g;
const maxTried = 4;
/** The token of `httpStore`'s opener: it buys the ciphertext, once. */
const storeToken = /^pg_store_token='[\w-]{16,256}'$/gm;

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

/**
 * Recognises what this library seals: a manifest, the signature that verifies it by a public key which stands beside
 * it, and the wrapped key whose digest it holds. Whatever else stands there is not covered.
 */
export function sealedParts(text: string): SealedParts | undefined {
  const found = manifestIn(text);
  if (found === undefined) return undefined;
  const keys = [...text.matchAll(publicKeys)].slice(0, maxTried);
  const signed = [...text.matchAll(signatures)]
    .slice(0, maxTried)
    .find(({ 0: signature }) => keys.some(([key]) => isSigned(found.text, key, signature)));
  if (signed === undefined) return undefined;
  const { key, cipher } = found.manifest;
  const wrapped = [...text.matchAll(/'([!-&(-~ ]{16,2048})'/g)].filter(
    (quoted) => sha256(quoted[1] as string) === key.sha256,
  );
  return {
    ranges: [signed, ...wrapped, ...text.matchAll(storeToken)].map(
      ({ 0: part, index }): Range => [index, index + part.length],
    ),
    chunk: cipher.sha256,
  };
}
