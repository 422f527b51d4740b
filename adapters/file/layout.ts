import { GuardError } from "../../src/core/errors.ts";

/** What a key holds. */
export interface Entry {
  readonly value: string;
  /** Unix milliseconds from which on it is gone; `Infinity`: never. */
  readonly endsAt: number;
}

/** An entry with the version that LMDB keeps beside it. */
export type Kept = Entry & { readonly version: number };

/** An entry as it is on the disk: its value and its end. LMDB keeps the version beside it. */
export type Stored = readonly [value: string, endsAt: number | null];

/** Longest key, in bytes of UTF-8: LMDB takes 1978, and the end of the entry stands before it in one index. */
const maxKeyBytes = 1900;

const entryTag = Buffer.from("e");
const endTag = Buffer.from("t");
/** No UTF-8 has this byte, so it comes after every key. */
const afterAll = Buffer.from([0xff]);

/** Where the number of the newest block of versions is kept. */
export const headKey = Buffer.from("h");

/**
 * Where a key's entry is kept.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a key that is too long or no well-formed text.
 */
export function entryKey(key: string): Buffer {
  const bytes = Buffer.from(key);
  if (bytes.length > maxKeyBytes) {
    throw new GuardError("ERR_CONFIG_INVALID", `state: key of ${bytes.length} bytes; at most ${maxKeyBytes} are kept`);
  }
  // Half a surrogate pair would be stored as the replacement character, and meet other keys there.
  if (bytes.toString() !== key) throw new GuardError("ERR_CONFIG_INVALID", "state: key is not well-formed Unicode");
  return Buffer.concat([entryTag, bytes]);
}

/** The key whose entry is kept there. */
export const keyOf = (stored: Buffer): string => stored.toString("utf8", 1);

/** All places of entries whose key starts with a prefix. */
export function entryRange(prefix: string): { readonly start: Buffer; readonly end: Buffer } {
  const start = entryKey(prefix);
  return { start, end: Buffer.concat([start, afterAll]) };
}

/** Positive doubles sort as their bytes do. */
function timeBytes(at: number): Buffer {
  const bytes = Buffer.alloc(9, endTag);
  bytes.writeDoubleBE(Math.max(0, at), 1);
  return bytes;
}

/** Where it is noted that an entry ends at a point in time. */
export const endKey = (at: number, entry: Buffer): Buffer => Buffer.concat([timeBytes(at), entry]);

/** The entry that such a note is about, and when it ends. */
export const parseEnd = (stored: Buffer) => ({ at: stored.readDoubleBE(1), entry: stored.subarray(9) });

/** All notes of entries that end until a point in time, or ever. */
export function endRange(until: number): { readonly start: Buffer; readonly end: Buffer } {
  return { start: endTag, end: Buffer.concat([timeBytes(until), afterAll]) };
}
