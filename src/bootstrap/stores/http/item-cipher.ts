import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { Binding } from "../../contract.ts";

/** What an item grows by at rest: a version, the nonce, and the tag. */
export const itemOverheadBytes = 1 + 12 + 16;

/** What follows from the token of one sealing. */
export interface ItemCipher {
  /** The bytes that lie in the backing store: the same for the same item. */
  seal(name: string, bytes: Uint8Array): Buffer;
  /** @returns `undefined` where the bytes are not that item. */
  open(name: string, sealed: Uint8Array): Buffer | undefined;
}

/**
 * The bearer token of a sealing: whoever holds `root` makes the same one again, and nobody else.
 *
 * @param root - At least 32 bytes.
 */
export function tokenFor(root: Uint8Array, { id, machine, format, expiresAt }: Binding): string {
  const bound = JSON.stringify([
    "bootstrap token",
    id,
    machine.managementCluster,
    machine.machine.uid,
    format,
    expiresAt,
  ]);
  return createHmac("sha256", root).update(bound).digest("base64url");
}

const digest = (secret: string): Buffer => createHash("sha256").update(`digest\0${secret}`).digest();

/** What is kept of a token or of a claim, in hexadecimal. */
export const digestOf = (secret: string): string => digest(secret).toString("hex");

/** Compares in a time that says nothing; nothing has the digest `undefined`. */
export function isDigestOf(secret: string, kept: string | undefined): boolean {
  const bytes = Buffer.from(kept ?? "", "hex");
  const isOne = bytes.length === 32;
  return timingSafeEqual(digest(secret), isOne ? bytes : Buffer.alloc(32)) && isOne;
}

/**
 * Encrypts the items of a sealing with AES-256-GCM, under keys that follow from its token: at rest nobody can read
 * them, not even the handler, until a machine comes with it. The nonce follows from the item, so that the same item
 * makes the same bytes, and another one never meets its nonce again.
 */
export function itemCipher(token: string, id: string): ItemCipher {
  const derive = (use: string) => Buffer.from(hkdfSync("sha256", token, id, `provider-guard ${use}`, 32));
  const key = derive("bootstrap item");
  const nonceKey = derive("bootstrap item nonce");
  return {
    seal(name, bytes) {
      const nonce = createHmac("sha256", nonceKey).update(`${name}\0`).update(bytes).digest().subarray(0, 12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(name));
      return Buffer.concat([Buffer.of(1), nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(name, sealed) {
      const stored = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (stored.length < itemOverheadBytes || stored[0] !== 1) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, stored.subarray(1, 13), { authTagLength: 16 });
      decipher.setAAD(Buffer.from(name)).setAuthTag(stored.subarray(-16));
      try {
        return Buffer.concat([decipher.update(stored.subarray(13, -16)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}
