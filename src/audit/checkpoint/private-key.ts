import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { GuardError } from "../../core/errors.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { formatVerifierKey, isKeyName, keyId, rawPublicKey, signatureTypes } from "./verifier-key.ts";

/** What stands before the 32 secret bytes in the DER form (PKCS#8, RFC 8410) of an Ed25519 key. */
const derPrefix = Buffer.from("302e020100300506032b657004220420", "hex");
const secretBytes = 32;
const skeyPattern = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.+)$/;

/** A private key with the name that it signs with. */
export interface NamedKey {
  readonly name: string;
  readonly key: KeyObject;
}

/** A new pair of keys, as text. */
export interface GeneratedKey {
  /** Secret: `PRIVATE+KEY+name+id+base64`. For a file that only the controller can read. */
  readonly privateKey: string;
  /** Public: `name+id+base64`, for everybody who verifies. */
  readonly publicKey: string;
}

const refuse = (path: string, why: string) => new GuardError("ERR_CONFIG_INVALID", `${path}: ${why}`);

/**
 * Makes an Ed25519 key that signs checkpoints, in the text form that C2SP tools share.
 *
 * @param options - `name`: what the key is called in signatures, best a URL without a scheme, such as
 *   `audit.example.com/acme`; no white space, no plus.
 * @returns The private and the public key. Nothing is stored.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for an unfit name.
 * @example
 * import { generateKey } from "provider-guard/audit";
 * const { publicKey } = generateKey({ name: "audit.example.com/acme" });
 * @see C2SP signed-note, "Verifier keys", read 2026-11
 */
export function generateKey(options: { readonly name: string }): GeneratedKey {
  const name = checkName(options.name, "generateKey.name");
  const { privateKey } = generateKeyPairSync("ed25519");
  const secret = privateKey.export({ format: "der", type: "pkcs8" }).subarray(derPrefix.length);
  const publicKey = rawPublicKey(privateKey);
  const type = signatureTypes.ed25519;
  return {
    privateKey: `PRIVATE+KEY+${name}+${keyId(name, type, publicKey)}+${toBase64(Buffer.concat([Buffer.of(type), secret]))}`,
    publicKey: formatVerifierKey(name, type, publicKey),
  };
}

/** @throws {@link GuardError} `ERR_CONFIG_INVALID` unless it is a name for a key. */
export function checkName(name: unknown, path: string): string {
  if (typeof name === "string" && isKeyName(name)) return name;
  throw refuse(path, "expected a name without white space and plus, such as audit.example.com/acme");
}

/**
 * Reads a private key: `PRIVATE+KEY+…`, or PKCS#8 in PEM, which has no name of its own.
 * No message holds anything of the text: it is secret.
 *
 * @param path - What the option is called in messages.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function parsePrivateKey(text: string, name: string | undefined, path: string): NamedKey {
  const trimmed = text.trim();
  return trimmed.startsWith("-----BEGIN") ? fromPem(trimmed, name, path) : fromText(trimmed, name, path);
}

function fromPem(text: string, name: string | undefined, path: string): NamedKey {
  if (name === undefined) throw refuse(path, "a PEM key has no name: say `name`, too");
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw refuse(path, "not a private key in PEM (PKCS#8), or encrypted"); // a cause might quote the text
  }
  if (key.asymmetricKeyType !== "ed25519") throw refuse(path, `expected an Ed25519 key, got ${key.asymmetricKeyType}`);
  return { name: checkName(name, `${path}, name`), key };
}

function fromText(text: string, name: string | undefined, path: string): NamedKey {
  const [, own, id, material = ""] = skeyPattern.exec(text) ?? [];
  const bytes = fromBase64(material);
  if (own === undefined || bytes?.length !== 1 + secretBytes) {
    throw refuse(path, "expected a private key, PRIVATE+KEY+name+id+base64 or PKCS#8 in PEM");
  }
  if (bytes[0] !== signatureTypes.ed25519)
    throw refuse(path, `expected an Ed25519 key, got signature type ${bytes[0]}`);
  checkName(own, path);
  if (name !== undefined && name !== own) throw refuse(path, `the key is called ${own}, not ${name}`);
  const key = createPrivateKey({
    key: Buffer.concat([derPrefix, bytes.subarray(1)]),
    format: "der",
    type: "pkcs8",
  });
  if (keyId(own, signatureTypes.ed25519, rawPublicKey(key)) !== id)
    throw refuse(path, "the key's id does not match it");
  return { name: own, key };
}
