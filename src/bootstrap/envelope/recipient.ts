import { createECDH, createHash, createPublicKey, KeyObject } from "node:crypto";
import { GuardError } from "../../core/errors.ts";
import type { Der } from "./der.ts";
import { curve, keyAgreement, privateKeyInfo } from "./key-agreement.ts";
import { keyTransport } from "./key-transport.ts";

/** Whom an envelope is sealed to. */
export interface Recipient {
  /** The RecipientInfo that gives this recipient the content key. */
  info(contentKey: Uint8Array): Der;
}

const smallestModulusBits = 2048;
const uncompressed = Buffer.of(4);
const known = new WeakMap<KeyObject, Recipient>();

/** Subject key identifier, as in certificates: SHA-1 of the public key (RFC 5280, 4.2.1.2). It protects nothing. */
const keyIdOf = (publicKey: Uint8Array) => createHash("sha1").update(publicKey).digest();

const agreeing = (point: Uint8Array): Recipient => {
  const keyId = keyIdOf(point);
  return { info: (contentKey) => keyAgreement(point, keyId, contentKey) };
};

function remember(key: KeyObject, recipient: Recipient): Recipient {
  known.set(key, recipient);
  return recipient;
}

/**
 * The recipient that a public key stands for, read once for each key.
 *
 * @param path - What the option is called in messages.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` unless it is a public key of P-256, or of RSA with 2048 bits or more.
 */
export function recipientOf(key: unknown, path: string): Recipient {
  const found = key instanceof KeyObject ? known.get(key) : undefined;
  return found ?? read(key, path);
}

function read(key: unknown, path: string): Recipient {
  const refuse = (got: string) =>
    new GuardError("ERR_CONFIG_INVALID", `${path}: expected a public key of P-256 or RSA (2048 bits at least), ${got}`);
  if (!(key instanceof KeyObject)) throw refuse("got something else");
  if (key.type !== "public") throw refuse(`got a ${key.type} key`); // never taken: it would have to be guarded here
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec" && namedCurve === curve) {
    const { x = "", y = "" } = key.export({ format: "jwk" }); // its DER may hold the point compressed
    const point = Buffer.concat([uncompressed, Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
    return remember(key, agreeing(point));
  }
  if (key.asymmetricKeyType === "rsa" && modulusLength >= smallestModulusBits) {
    const keyId = keyIdOf(key.export({ format: "der", type: "pkcs1" }));
    return remember(key, { info: (contentKey) => keyTransport(key, keyId, contentKey) });
  }
  throw refuse(
    `got ${key.asymmetricKeyType} ${namedCurve ?? (modulusLength > 0 ? `of ${modulusLength} bits` : "")}`.trim(),
  );
}

/**
 * Reads a public key.
 *
 * @param key - SubjectPublicKeyInfo (or PKCS #1) in PEM, or a key object. A private key is refused.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path and nothing of the key.
 */
export function readPublicKey(key: string | KeyObject, path: string): KeyObject {
  if (typeof key !== "string") {
    recipientOf(key, path);
    return key;
  }
  if (key.includes("PRIVATE KEY")) throw new GuardError("ERR_CONFIG_INVALID", `${path}: got a private key`);
  let parsed: KeyObject;
  try {
    parsed = createPublicKey(key);
  } catch (cause) {
    throw new GuardError("ERR_CONFIG_INVALID", `${path}: not a public key in PEM`, { cause });
  }
  recipientOf(parsed, path);
  return parsed;
}

/** A pair made for one machine. */
export interface FreshPair {
  readonly recipient: Recipient;
  /** PKCS #8 in DER: to be overwritten once it is wrapped. */
  readonly privateKey: Uint8Array;
}

export function freshPair(): FreshPair {
  const pair = createECDH(curve);
  const point = pair.generateKeys();
  const secret = pair.getPrivateKey();
  const privateKey = privateKeyInfo(secret, point);
  secret.fill(0);
  return { recipient: agreeing(point), privateKey };
}
