import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import type { BootstrapFormat } from "./contract.ts";

/** What recognises data, and reveals nothing of it. */
export interface DataMark {
  readonly salt: string;
  readonly check: string;
}

interface Keys {
  readonly check: string;
  readonly key: Buffer;
}

const algorithm = "aes-256-gcm";
const nonce = Buffer.alloc(12); // a key is used once: its salt is fresh
const tagBytes = 16;

function keysOf(data: Uint8Array, format: BootstrapFormat, salt: string): Keys {
  const digest = createHash("sha256").update(data).digest();
  const info = `provider-guard kept user data ${format}`;
  const bytes = Buffer.from(hkdfSync("sha256", digest, Buffer.from(salt, "hex"), info, 64));
  return { check: bytes.toString("hex", 0, 32), key: bytes.subarray(32) };
}

/** Marks data so that the same data is known again. */
export function markData(data: Uint8Array, format: BootstrapFormat): DataMark {
  const salt = randomBytes(16).toString("hex");
  return { salt, check: keysOf(data, format, salt).check };
}

export const isSameData = (data: Uint8Array, format: BootstrapFormat, { salt, check }: DataMark): boolean =>
  keysOf(data, format, salt).check === check;

/**
 * Encrypts user data for the state, by a key that only who has the data can make: user data may hold what lets a
 * machine fetch, and more may read the state than may start the machine.
 */
export function keepUserData(userData: Uint8Array, data: Uint8Array, format: BootstrapFormat, salt: string): string {
  const cipher = createCipheriv(algorithm, keysOf(data, format, salt).key, nonce);
  return Buffer.concat([cipher.update(userData), cipher.final(), cipher.getAuthTag()]).toString("base64");
}

/** @returns `undefined` for what was not kept so. */
export function readUserData(
  kept: string,
  data: Uint8Array,
  format: BootstrapFormat,
  salt: string,
): Uint8Array | undefined {
  try {
    const bytes = Buffer.from(kept, "base64");
    const decipher = createDecipheriv(algorithm, keysOf(data, format, salt).key, nonce);
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    return new Uint8Array(Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]));
  } catch {
    return undefined;
  }
}
