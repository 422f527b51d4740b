import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { GuardError } from "../../core/errors.ts";
import { fromBase64, toBase64 } from "./base64.ts";

/** Signature types of C2SP's signed-note that are understood: a log's Ed25519, and a witness's with a time. */
export const signatureTypes = { ed25519: 1, cosignature: 4 } as const;

const publicKeyBytes = 32;
const namePattern = /^[^\p{White_Space}\p{Cc}\p{Cs}+]+$/u;
const vkeyPattern = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/;

/** A public key and what it is called in notes. */
export interface VerifierKey {
  readonly name: string;
  readonly type: number;
  /** The four bytes that stand in front of its signatures, in hex. */
  readonly id: string;
  readonly key: KeyObject;
}

/** Whether C2SP allows it: not empty, no white space, no plus. */
export const isKeyName = (name: string): boolean => namePattern.test(name);

/** First four bytes, in hex, of SHA-256(name ‖ 0x0A ‖ type ‖ public key). */
export function keyId(name: string, type: number, publicKey: Uint8Array): string {
  return hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey])).slice(0, 8);
}

/** Writes a key as C2SP does: `name+id+base64(type ‖ public key)`. */
export function formatVerifierKey(name: string, type: number, publicKey: Uint8Array): string {
  return `${name}+${keyId(name, type, publicKey)}+${toBase64(Buffer.concat([Buffer.of(type), publicKey]))}`;
}

/** The 32 bytes of an Ed25519 public key, or of a private key's public half. */
export function rawPublicKey(key: KeyObject): Buffer {
  const half = key.type === "private" ? createPublicKey(key as never) : key; // the types know no KeyObject there
  return Buffer.from(String(half.export({ format: "jwk" }).x), "base64url");
}

/**
 * Reads a key in the form `name+id+base64`.
 *
 * @param path - What the option is called in the message.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function parseVerifierKey(text: string, path: string): VerifierKey {
  const refuse = (why: string) => new GuardError("ERR_CONFIG_INVALID", `${path}: ${why}`);
  const [, name = "", id = "", material = ""] = vkeyPattern.exec(text) ?? [];
  if (!isKeyName(name)) throw refuse("expected a verifier key, name+id+base64");
  const bytes = fromBase64(material);
  const type = bytes?.[0];
  if (bytes === undefined || type === undefined) throw refuse(`the key of ${name} is not base64`);
  if (type !== signatureTypes.ed25519 && type !== signatureTypes.cosignature) {
    throw refuse(`the key of ${name} has signature type ${type}; only Ed25519 (1, or 4 for a witness) is supported`);
  }
  const raw = bytes.subarray(1);
  if (raw.length !== publicKeyBytes) throw refuse(`the key of ${name} has ${raw.length} bytes instead of 32`);
  if (keyId(name, type, raw) !== id) throw refuse(`${id} is not the id of the key of ${name}: one of them was changed`);
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
  return { name, type, id, key };
}

/** As {@link parseVerifierKey}, for a list; refuses an empty one. */
export function parseVerifierKeys(texts: readonly string[], path: string): readonly VerifierKey[] {
  if (!Array.isArray(texts) || texts.length === 0) {
    throw new GuardError("ERR_CONFIG_INVALID", `${path}: expected at least one verifier key`);
  }
  return texts.map((text, index) => parseVerifierKey(String(text), `${path}[${index}]`));
}
