import { constants, type KeyObject, publicEncrypt } from "node:crypto";
import { algorithm, type Der, element, integer, octetString, sequence, tags } from "./der.ts";

const sha256 = algorithm("2.16.840.1.101.3.4.2.1");
const mgf1 = algorithm("1.2.840.113549.1.1.8", sha256);
const oaep = algorithm(
  "1.2.840.113549.1.1.7",
  sequence(element(tags.explicit(0), sha256), element(tags.explicit(1), mgf1)),
);

const version = integer(2);

/**
 * KeyTransRecipientInfo (RFC 5652, 6.2.1) of an RSA key, with OAEP and SHA-256 for both of its digests (RFC 3560).
 *
 * @param keyId - Its subject key identifier.
 */
export function keyTransport(key: KeyObject, keyId: Uint8Array, contentKey: Uint8Array): Der {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const encryptedKey = publicEncrypt({ key, padding, oaepHash: "sha256" }, contentKey);
  return sequence(version, element(tags.implicit(0), [keyId]), oaep, octetString(encryptedKey));
}
