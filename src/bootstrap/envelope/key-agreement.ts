import { createCipheriv, createECDH, createHash } from "node:crypto";
import {
  algorithm,
  bitString,
  type Der,
  element,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  tags,
} from "./der.ts";

/** Node's name of P-256. */
export const curve = "prime256v1";

const ids = {
  ecPublicKey: "1.2.840.10045.2.1",
  p256: "1.2.840.10045.3.1.7",
  /** dhSinglePass-stdDH-sha256kdf-scheme */
  agreement: "1.3.132.1.11.1",
  aes256Wrap: "2.16.840.1.101.3.4.1.45",
} as const;

const ecKey = algorithm(ids.ecPublicKey, objectIdentifier(ids.p256));
const originatorKey = algorithm(ids.ecPublicKey);
const version = integer(3);
const keyWrap = algorithm(ids.aes256Wrap);
const agreement = algorithm(ids.agreement, keyWrap);
/** What AES key wrap (RFC 3394) begins with. */
const wrapIv = Buffer.alloc(8, 0xa6);
/** ECC-CMS-SharedInfo of RFC 5753: the algorithm of the key that is derived, and its 256 bits. */
const sharedInfo = Buffer.concat(sequence(keyWrap, element(tags.explicit(2), octetString(Buffer.of(0, 0, 1, 0)))));
const counter = Buffer.of(0, 0, 0, 1);

/**
 * KeyAgreeRecipientInfo (RFC 5652, 6.2.2) of a P-256 key: a fresh key agrees with it on what wraps the content key.
 *
 * @param point - The recipient's public key, uncompressed.
 * @param keyId - Its subject key identifier.
 */
export function keyAgreement(point: Uint8Array, keyId: Uint8Array, contentKey: Uint8Array): Der {
  const ephemeral = createECDH(curve);
  const ours = ephemeral.generateKeys();
  const secret = ephemeral.computeSecret(point);
  // ANSI X9.63: the wrapping key is as long as one digest.
  const wrapping = createHash("sha256").update(secret).update(counter).update(sharedInfo).digest();
  const encryptedKey = createCipheriv("id-aes256-wrap", wrapping, wrapIv).update(contentKey);
  secret.fill(0);
  wrapping.fill(0);
  return element(
    tags.explicit(1),
    version,
    element(tags.explicit(0), element(tags.explicit(1), originatorKey, bitString(ours))),
    agreement,
    sequence(sequence(element(tags.explicit(0), octetString(keyId)), octetString(encryptedKey))),
  );
}

/**
 * PKCS #8 of a P-256 key. The bytes are nowhere else, so that whoever overwrites them overwrites the key.
 *
 * @param secret - At most 32 bytes: Node leaves leading zeros out.
 * @param point - The public key, uncompressed.
 */
export function privateKeyInfo(secret: Uint8Array, point: Uint8Array): Uint8Array {
  const zeros = Buffer.alloc(32 - secret.length);
  const key = sequence(
    integer(1),
    element(tags.octetString, [zeros, secret]),
    element(tags.explicit(1), bitString(point)),
  );
  const pieces = sequence(integer(0), ecKey, element(tags.octetString, key));
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
