import { createCipheriv, type KeyObject, randomFillSync } from "node:crypto";
import { type Der, element, integer, objectIdentifier, octetString, sequence, tags } from "./der.ts";
import { type Recipient, recipientOf } from "./recipient.ts";

const authEnvelopedData = objectIdentifier("1.2.840.113549.1.9.16.1.23");
const data = objectIdentifier("1.2.840.113549.1.7.1");
const aes256Gcm = objectIdentifier("2.16.840.1.101.3.4.1.46");
const version = integer(0);
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const tagLength = integer(tagBytes);

/**
 * Encrypts into one CMS AuthEnvelopedData (RFC 5083 and 5084: AES-256-GCM with a fresh key) for one recipient.
 * `openssl cms -decrypt -binary -inform DER -inkey FILE` reads it, from 3.0 on.
 *
 * @param plain - Its bytes are neither kept nor changed.
 * @param recipient - A public key of P-256, or of RSA with 2048 bits or more.
 * @returns The ContentInfo in DER.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for any other key.
 */
export function sealEnvelope(plain: Uint8Array, recipient: KeyObject | Recipient): Buffer {
  const to = "info" in recipient ? recipient : recipientOf(recipient, "sealEnvelope.recipient");
  const random = randomFillSync(new Uint8Array(keyBytes + nonceBytes));
  const key = random.subarray(0, keyBytes);
  const nonce = random.subarray(keyBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  const encrypted: Der = [cipher.update(plain), cipher.final()];
  const envelope = contentInfo(to.info(key), nonce, encrypted, cipher.getAuthTag());
  key.fill(0);
  return envelope;
}

function contentInfo(recipient: Der, nonce: Uint8Array, encrypted: Der, tag: Uint8Array): Buffer {
  const content = sequence(
    data,
    sequence(aes256Gcm, sequence(octetString(nonce), tagLength)),
    element(tags.implicit(0), encrypted),
  );
  const enveloped = sequence(version, element(tags.set, recipient), content, octetString(tag));
  return Buffer.concat(sequence(authEnvelopedData, element(tags.explicit(0), enveloped)));
}
