import { createPublicKey } from "node:crypto";
import type { SealedData } from "../../../src/bootstrap/sealed-data.ts";
import type { SeededRandom } from "../../../src/testing/seeded-random.ts";

/** What a corruption may make use of. */
export interface Material {
  readonly sealed: SealedData;
  /** Of the same machine, sealed earlier. */
  readonly older: SealedData;
  /** Of the same machine, sealed earlier, and expired. */
  readonly expired: SealedData;
  /** Of another machine, at the same time. */
  readonly other: SealedData;
}

/** What lies on the way to the machine, and not as it was sealed. */
export interface Corrupted {
  readonly sealed: SealedData;
  /** The machine has opened `Material.sealed` already, and somebody shows it what is in `sealed`. */
  readonly opened?: true;
}

type Corruption = (material: Material, random: SeededRandom) => Corrupted | undefined;

function withBitFlipped(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  const at = pick(flipped.length, random);
  flipped[at] = (flipped[at] as number) ^ (1 << pick(8, random));
  return flipped;
}

const pick = (count: number, random: SeededRandom) => Math.floor(random() * count);

function replaced<T>(items: readonly T[], at: number, ...by: readonly T[]): T[] {
  return [...items.slice(0, at), ...by, ...items.slice(at + 1)];
}

/** Flips a bit of what the base64 stands for: not every bit of its last character stands for anything. */
const base64Flipped = (text: string, random: SeededRandom) =>
  Buffer.from(withBitFlipped(Buffer.from(text, "base64"), random)).toString("base64");

/** DER tells how many of a key's last bits to overlook: where those are 0 already, it is the same key. */
function isSameKey(one: string, other: string): boolean {
  try {
    return createPublicKey(one).equals(createPublicKey(other));
  } catch {
    return false;
  }
}

const chunked =
  (
    change: (chunks: readonly Uint8Array[], random: SeededRandom, material: Material) => readonly Uint8Array[],
  ): Corruption =>
  (material, random) => ({ sealed: { ...material.sealed, chunks: change(material.sealed.chunks, random, material) } });

/** Every way in which data is changed on its way, by name. */
export const corruptions: Readonly<Record<string, Corruption>> = {
  "a bit of a chunk": chunked((chunks, random) => {
    const at = pick(chunks.length, random);
    return replaced(chunks, at, withBitFlipped(chunks[at] as Uint8Array, random));
  }),
  "a bit of a chunk's header": chunked((chunks, random) => {
    const at = pick(chunks.length, random);
    const chunk = chunks[at] as Uint8Array;
    const end = chunk.indexOf(10) + 1;
    return replaced(chunks, at, Buffer.concat([withBitFlipped(chunk.subarray(0, end), random), chunk.subarray(end)]));
  }),
  "two chunks in each other's place": chunked((chunks, random) => {
    const at = pick(chunks.length - 1, random);
    const to = at + 1 + pick(chunks.length - at - 1, random);
    const [first, second] = [chunks[at], chunks[to]] as [Uint8Array, Uint8Array];
    return replaced(replaced(chunks, at, second), to, first);
  }),
  "a chunk less": chunked((chunks, random) => replaced(chunks, pick(chunks.length, random))),
  "the last chunk less": chunked((chunks) => chunks.slice(0, -1)),
  "a chunk twice": chunked((chunks, random) => {
    // The last one twice leaves one too many in the store, which nobody asks for.
    const at = pick(chunks.length - 1, random);
    return replaced(chunks, at, chunks[at] as Uint8Array, chunks[at] as Uint8Array);
  }),
  "a chunk cut off": chunked((chunks, random) => {
    const at = pick(chunks.length, random);
    const chunk = chunks[at] as Uint8Array;
    return replaced(chunks, at, chunk.subarray(0, pick(chunk.length, random)));
  }),
  "a chunk with more behind it": chunked((chunks, random) => {
    const at = pick(chunks.length, random);
    const more = Buffer.alloc(1 + pick(300, random), pick(256, random));
    return replaced(chunks, at, Buffer.concat([chunks[at] as Uint8Array, more]));
  }),
  "all in one chunk": chunked((chunks) => [Buffer.concat(chunks)]),
  "one chunk of another machine": chunked((chunks, random, { other }) => {
    const at = pick(chunks.length, random);
    return replaced(chunks, at, other.chunks[at] as Uint8Array);
  }),
  "all chunks of another machine": chunked((_, _random, { other }) => other.chunks),
  "one older chunk": chunked((chunks, random, { older }) => {
    const at = pick(chunks.length, random);
    return replaced(chunks, at, older.chunks[at] as Uint8Array);
  }),
  "all older chunks": chunked((_, _random, { older }) => older.chunks),
  "a bit of the manifest": ({ sealed }, random) => {
    const manifest = Buffer.from(withBitFlipped(Buffer.from(sealed.manifest, "latin1"), random)).toString("latin1");
    return manifest.includes("\0") ? undefined : { sealed: { ...sealed, manifest } };
  },
  "a line of the manifest less": ({ sealed }, random) => {
    const lines = sealed.manifest.split("\n").slice(0, -1);
    return { sealed: { ...sealed, manifest: [...replaced(lines, pick(lines.length, random)), ""].join("\n") } };
  },
  "the expiry put off": ({ expired }) => {
    const later = (_: string, seconds: string) => `expires ${Number(seconds) + 86_400}`;
    return { sealed: { ...expired, manifest: expired.manifest.replace(/expires (\d+)/, later) } };
  },
  "a bit of the signature": ({ sealed }, random) => ({
    sealed: { ...sealed, signature: base64Flipped(sealed.signature, random) },
  }),
  "a bit of the signer's key": ({ sealed }, random) => {
    const [head, body = "", ...rest] = sealed.signer.split("\n");
    const signer = [head, base64Flipped(body, random), ...rest].join("\n");
    return isSameKey(signer, sealed.signer) ? undefined : { sealed: { ...sealed, signer } };
  },
  "a bit of the wrapped key": ({ sealed }, random) => ({
    sealed: { ...sealed, wrapped: base64Flipped(sealed.wrapped, random) },
  }),
  "the wrapped key of another machine": ({ sealed, other }) => ({ sealed: { ...sealed, wrapped: other.wrapped } }),
  "the older wrapped key": ({ sealed, older }) => ({ sealed: { ...sealed, wrapped: older.wrapped } }),
  "the manifest of another machine": ({ sealed, other }) => ({ sealed: { ...sealed, manifest: other.manifest } }),
  "manifest and signature of another machine": ({ sealed, other }) => ({
    sealed: { ...sealed, manifest: other.manifest, signature: other.signature },
  }),
  "all but the chunks of another machine": ({ sealed, other }) => ({ sealed: { ...other, chunks: sealed.chunks } }),
  "all but the chunks of before": ({ sealed, older }) => ({ sealed: { ...older, chunks: sealed.chunks } }),
  "what has expired": ({ expired }) => ({ sealed: expired }),
  "what is older than what was opened": ({ older }) => ({ sealed: older, opened: true }),
};
