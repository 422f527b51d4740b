import { hash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GuardError } from "../core/errors.ts";
import { createDurably } from "./directory.ts";
import { unavailable } from "./unavailable.ts";

const fileName = "correlation.key";
const keyBytes = 32;
const digestLength = 24; // base64url characters: 144 bits

/**
 * Reads the directory's key, or makes one, and returns the keyed digest for correlation.
 * Without the key nobody can guess an input from its digest, however few inputs there may be.
 *
 * @throws {@link GuardError} `ERR_AUDIT_CORRUPT` when the file holds something else.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when it cannot be read or made.
 */
export async function openCorrelation(directory: string): Promise<(text: string) => string> {
  const path = join(directory, fileName);
  let bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unavailable(path, error);
  });
  if (bytes === undefined) {
    bytes = randomBytes(keyBytes);
    await createDurably(directory, fileName, bytes);
  }
  if (bytes.length !== keyBytes) {
    throw new GuardError(
      "ERR_AUDIT_CORRUPT",
      `audit journal ${path}: expected ${keyBytes} bytes, got ${bytes.length}; restore the file, or remove it to start with a new key (open intents are then no longer recognised by their input)`,
    );
  }
  const key = bytes.toString("base64url");
  // A plain hash over key and text, in one native call. What HMAC adds, safety from lengthening the text,
  // needs the whole digest, and more than a third of it is cut off here.
  return (text) => hash("sha256", key + text, "base64url").slice(0, digestLength);
}
