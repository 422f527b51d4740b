import { hash } from "node:crypto";
import { GuardError } from "../core/errors.ts";

/** What a store takes. */
export interface ChunkLimits {
  /** Bytes of one chunk at most, its header line included. */
  readonly maxItemBytes: number;
  readonly maxItems: number;
}

/** Chunks in their order, and the digest of the first one, on which all the others depend. */
export interface Chunks {
  readonly chunks: readonly Uint8Array[];
  readonly first: string;
}

const last = "-";
const digestChars = 64;
/** Of a header; what is longer is none. */
const maxHeaderBytes = 100;
const headerPattern = /^pgc1 (0|[1-9][0-9]*) ([1-9][0-9]*) ([0-9a-f]{64}|-)$/;
const lineFeed = 0x0a;

const header = (index: number, count: number, next: string) => `pgc1 ${index} ${count} ${next}\n`;

export const sha256 = (bytes: Uint8Array | string): string => hash("sha256", bytes);

/**
 * Cuts bytes into as few chunks as may be, each of which names the digest of the next.
 *
 * @throws {@link GuardError} `ERR_BOOTSTRAP_IMPOSSIBLE` where they do not fit.
 */
export function cutChunks(bytes: Uint8Array, { maxItemBytes, maxItems }: ChunkLimits): Chunks {
  const size = payloadBytes(bytes.length, maxItemBytes, maxItems);
  const count = Math.ceil(bytes.length / size);
  if (size < 1 || count > maxItems) {
    const room = `${maxItems} of ${maxItemBytes} bytes`;
    throw new GuardError("ERR_BOOTSTRAP_IMPOSSIBLE", `${bytes.length} bytes of ciphertext are too many for ${room}`);
  }
  const chunks: Uint8Array[] = [];
  let next = last;
  for (let index = count - 1; index >= 0; index--) {
    const payload = bytes.subarray(index * size, (index + 1) * size);
    const chunk = Buffer.concat([Buffer.from(header(index, count, next), "latin1"), payload]);
    chunks.unshift(chunk);
    next = sha256(chunk);
  }
  return { chunks, first: next };
}

/** Bytes of a chunk besides its header, which in one that is not the last is the longest there can be. */
function payloadBytes(length: number, maxItemBytes: number, maxItems: number): number {
  const alone = maxItemBytes - header(0, 1, last).length;
  if (length <= alone) return Math.max(length, 1);
  return maxItemBytes - header(maxItems - 1, maxItems, "0".repeat(digestChars)).length;
}

/**
 * Joins chunks, all or nothing: each must be the one that the one before it names.
 *
 * @param chunks - All of them in their order.
 * @param cipher - What the manifest says of them.
 * @throws {@link GuardError} `ERR_BOOTSTRAP_INVALID`, naming the first chunk that is not the right one.
 */
export function joinChunks(
  chunks: readonly Uint8Array[],
  cipher: { readonly count: number; readonly sha256: string },
): Buffer {
  const refuse = (what: string) => new GuardError("ERR_BOOTSTRAP_INVALID", what);
  if (chunks.length < 1 || chunks.length !== cipher.count) throw refuse(`${chunks.length} chunks, not ${cipher.count}`);
  let expected = cipher.sha256;
  const payloads = chunks.map((chunk, index) => {
    if (sha256(chunk) !== expected) throw refuse(`chunk ${index}: not the one that was sealed`);
    const end = chunk.subarray(0, maxHeaderBytes).indexOf(lineFeed);
    const line = Buffer.from(chunk.subarray(0, Math.max(end, 0))).toString("latin1");
    const [, , , next = ""] = headerPattern.exec(line) ?? [];
    if (`${line}\n` !== header(index, cipher.count, next) || (next === last) !== (index === cipher.count - 1)) {
      throw refuse(`chunk ${index}: its header is not that of its place`);
    }
    expected = next;
    return chunk.subarray(end + 1);
  });
  return Buffer.concat(payloads);
}
