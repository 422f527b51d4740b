import { constants, gunzipSync, inflateSync } from "node:zlib";

/** What was packed, and what stands behind it. */
export interface Unpacked {
  readonly format: "gzip" | "zlib";
  readonly bytes: Buffer;
  /** Whether that is all: a broken stream gives what it gave until there. */
  readonly whole: boolean;
  readonly rest: Uint8Array;
}

const none = new Uint8Array(0);

/** Compressions that are not read, by their first bytes: zstd, xz, bzip2, lz4, zip. */
const unread: readonly (readonly number[])[] = [
  [0x28, 0xb5, 0x2f, 0xfd],
  [0xfd, 0x37, 0x7a, 0x58],
  [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41],
  [0x04, 0x22, 0x4d, 0x18],
  [0x50, 0x4b, 0x03, 0x04],
];

const startsWith = (bytes: Uint8Array, start: readonly number[]) => start.every((byte, i) => bytes[i] === byte);

/** Whether it is packed in a way that nobody here can read. */
export const isUnreadable = (bytes: Uint8Array): boolean => unread.some((start) => startsWith(bytes, start));

const isGzip = (bytes: Uint8Array) => startsWith(bytes, [0x1f, 0x8b]);

/** RFC 1950: deflate, a window of at most 32 KiB, and a checksum over both. */
function mayBeZlib(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return (first & 0x8f) === 8 && ((first << 8) | second) % 31 === 0 && bytes.length > 8;
}

type Run = (bytes: Uint8Array, options: object) => unknown;

function attempt(run: Run, bytes: Uint8Array, maxOutputLength: number, finishFlush: number) {
  const { buffer, engine } = run(bytes, { maxOutputLength, finishFlush, info: true }) as {
    readonly buffer: Buffer;
    readonly engine: { readonly bytesWritten: number };
  };
  return { bytes: buffer, rest: bytes.subarray(engine.bytesWritten) };
}

/**
 * Unpacks gzip and zlib.
 *
 * @param maxBytes - What it may become: whatever is larger counts as broken, with nothing in it.
 * @returns `undefined` if it is neither.
 */
export function unpack(bytes: Uint8Array, maxBytes: number): Unpacked | undefined {
  const format = isGzip(bytes) ? "gzip" : mayBeZlib(bytes) ? "zlib" : undefined;
  if (format === undefined) return undefined;
  const run = (format === "gzip" ? gunzipSync : inflateSync) as Run;
  try {
    return { format, whole: true, ...attempt(run, bytes, maxBytes, constants.Z_FINISH) };
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (format === "zlib" && code === "Z_DATA_ERROR") return undefined; // two bytes of text may look like a header
    if (code !== "Z_BUF_ERROR") return { format, whole: false, bytes: Buffer.alloc(0), rest: none };
  }
  try {
    return { format, ...attempt(run, bytes, maxBytes, constants.Z_SYNC_FLUSH), whole: false };
  } catch {
    return { format, whole: false, bytes: Buffer.alloc(0), rest: none };
  }
}

/** Standard or URL-safe base64, whitespace aside; `undefined` where it is none. */
export function fromBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/_\s-]+(?:=\s*){0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined;
}

const sample = 2048;

/** The share of bytes in the sample that are 0, at even and at odd places. */
function zeros(bytes: Uint8Array): readonly [number, number] {
  const length = Math.min(bytes.length, sample);
  let even = 0;
  let odd = 0;
  for (let i = 0; i < length; i += 2) if (bytes[i] === 0) even++;
  for (let i = 1; i < length; i += 2) if (bytes[i] === 0) odd++;
  return [(2 * even) / length, (2 * odd) / length];
}

/** Control characters that texts do not hold, and what is no UTF-8. */
const isUnprintable = (code: number) =>
  (code < 32 && code !== 27 && !(code > 8 && code < 14)) || code === 127 || code === 0xff_fd;

/** Text in UTF-8 or UTF-16, whatever says so; `undefined` for anything else. */
export function textOf(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const [even, odd] = bytes.length < 4 ? [0, 0] : zeros(bytes);
  if (odd > 0.5 && even < 0.1) return buffer.toString("utf16le").replace(/^\ufeff/, "");
  if (even > 0.5 && odd < 0.1)
    return Buffer.from(buffer.subarray(0, buffer.length & ~1))
      .swap16()
      .toString("utf16le");
  const text = buffer.toString("utf8").replace(/^\ufeff/, "");
  const head = text.length > sample ? text.slice(0, sample) : text;
  let bad = 0;
  for (let i = 0; i < head.length; i++) if (isUnprintable(head.charCodeAt(i))) bad++;
  return bad * 20 > head.length ? undefined : text;
}

/** A DER length that starts at `at`: where the content begins. */
function content(der: Uint8Array, at: number): number {
  const first = der[at] ?? 0;
  return first < 0x80 ? at + 1 : at + 1 + (first & 0x7f);
}

/** What DER holds, by how it begins: a private key (PKCS #1, SEC 1, PKCS #8, encrypted or not), or something public. */
export function readDer(der: Uint8Array): "private" | "public" | undefined {
  if (der[0] !== 0x30 || der.length < 32) return undefined;
  const at = content(der, 1);
  if (at > 5) return undefined;
  if (der[at] === 0x02 && der[at + 1] === 1) {
    const next = der[at + 3]; // PKCS #8: an algorithm; SEC 1: the key; PKCS #1: the modulus
    return (der[at + 2] ?? 2) <= 1 && (next === 0x30 || next === 0x04 || next === 0x02) ? "private" : undefined;
  }
  if (der[at] !== 0x30) return undefined;
  const inner = content(der, at + 1);
  if (der[inner] === 0xa0 || der[inner] === 0x02 || der[inner] === 0x30) return "public"; // a certificate, or a request
  if (der[inner] !== 0x06) return undefined;
  // An algorithm first: then a public key in a bit string, or PKCS #8 encrypted in an octet string.
  const length = der[at + 1] ?? 0;
  return der[inner + (length < 0x80 ? length : 0)] === 0x03 ? "public" : "private";
}
