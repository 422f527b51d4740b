import { abortable } from "../core/abort.ts";
import { GuardError } from "../core/errors.ts";
import { checkBinding, checkWord } from "./check-binding.ts";
import { type ChunkLimits, type Chunks, cutChunks, sha256 } from "./chunks.ts";
import { compress } from "./compress.ts";
import type { Abortable, Binding, KeyWrap } from "./contract.ts";
import { freshPair, recipientOf } from "./envelope/recipient.ts";
import { sealEnvelope } from "./envelope/seal-envelope.ts";
import { writeManifest } from "./manifest.ts";
import type { SealedData } from "./sealed-data.ts";
import { type BootstrapSigner, signManifest } from "./signer.ts";

/** What is sealed, for whom, and into what. */
export interface SealDataOptions extends Abortable, ChunkLimits {
  /** 1 byte to 1 MiB. It is read before this returns, and not changed. */
  readonly data: Uint8Array | string;
  readonly binding: Binding;
  readonly wrap: KeyWrap;
  readonly signer: BootstrapSigner;
  /** Of gzip, 1 (fast) to 9 (small). @defaultValue 9 where the user data holds it, else 1 */
  readonly level?: number;
}

const maxDataBytes = 1024 ** 2;
const wrappedText = /^[\x21-\x7e]{1,2048}$/;
const smallestItemBytes = 256;

/**
 * Seals bootstrap data: compressed, encrypted to the wrap's key, in chunks, with a signed manifest.
 * Nothing leaves the process but what `wrap.wrap` and `signer.sign` send.
 *
 * @param options - See {@link SealDataOptions}.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path of the first mistake;
 *   `ERR_BOOTSTRAP_IMPOSSIBLE` where the chunks do not fit, or the wrap makes what user data cannot hold.
 * @throws what the wrap and the signer reject with; `signal.reason`.
 */
export async function sealData(options: SealDataOptions): Promise<SealedData> {
  checkOptions(options);
  const { binding, wrap, signer, signal, level = binding.mode === "inline" ? 9 : 1 } = options;
  signal?.throwIfAborted();
  const data = Buffer.from(options.data as Uint8Array); // ours: the caller may go on with his
  const unzippedBytes = data.length;
  const plain = await abortable(compress(data, level, signal), signal);
  const sha256OfPlain = sha256(plain);
  const { chunks, first, privateKey } = sealTo(wrap, plain, options);
  const wrapped = privateKey === undefined ? "" : await wrapKey(wrap, privateKey, binding, signal);
  const manifest = writeManifest({
    binding,
    plain: { sha256: sha256OfPlain, bytes: plain.length, unzippedBytes },
    cipher: { count: chunks.length, sha256: first },
    key: { wrap: wrap.name, sha256: sha256(wrapped) },
  });
  const signature = await signManifest(signer, manifest, signal);
  return { binding, manifest, signature, signer: signer.publicKey, wrapped, chunks };
}

interface Sealed extends Chunks {
  /** Where a pair was made for this machine alone. */
  readonly privateKey?: Uint8Array;
}

/** Overwrites the compressed data, whatever happens. */
function sealTo(wrap: KeyWrap, plain: Buffer, limits: ChunkLimits): Sealed {
  const pair = wrap.recipient === undefined ? freshPair() : undefined;
  try {
    const recipient = pair?.recipient ?? recipientOf(wrap.recipient, wrapPath);
    const chunks = cutChunks(sealEnvelope(plain, recipient), limits);
    return pair === undefined ? chunks : { ...chunks, privateKey: pair.privateKey };
  } catch (error) {
    pair?.privateKey.fill(0);
    throw error;
  } finally {
    plain.fill(0);
  }
}

const wrapPath = "sealData.wrap.recipient";

const invalid = (path: string, why: string) => new GuardError("ERR_CONFIG_INVALID", `sealData.${path}: ${why}`);

/** Always in this order, so that the same mistakes are told alike. */
function checkOptions({ data, binding, wrap, signer, level = 1, maxItemBytes, maxItems }: SealDataOptions): void {
  const bytes = typeof data === "string" ? Buffer.byteLength(data) : data instanceof Uint8Array ? data.length : -1;
  if (bytes < 0) throw invalid("data", "expected bytes or a string");
  if (bytes === 0) throw invalid("data", "empty");
  if (bytes > maxDataBytes) throw invalid("data", `${bytes} bytes, at most ${maxDataBytes}`);
  checkBinding(binding, "sealData.binding");
  checkWord(wrap?.name, "wrap", "sealData.wrap.name");
  if (wrap.recipient !== undefined) recipientOf(wrap.recipient, wrapPath);
  if ((wrap.recipient === undefined) !== (typeof wrap.wrap === "function")) {
    throw invalid("wrap", "expected either a recipient or a function wrap");
  }
  const isSigner = typeof signer?.sign === "function" && typeof signer.publicKey === "string";
  if (!isSigner) throw invalid("signer", "expected a signer");
  checkRange(maxItemBytes, smallestItemBytes, Number.MAX_SAFE_INTEGER, "maxItemBytes");
  checkRange(maxItems, 1, Number.MAX_SAFE_INTEGER, "maxItems");
  checkRange(level, 1, 9, "level");
}

function checkRange(value: number, from: number, to: number, path: string): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return;
  throw invalid(path, `expected a whole number from ${from}${to < Number.MAX_SAFE_INTEGER ? ` to ${to}` : ""}`);
}

/** The key is overwritten once the wrap has settled, also where nobody waits for it any more. */
async function wrapKey(wrap: KeyWrap, key: Uint8Array, binding: Binding, signal: AbortSignal | undefined) {
  const wrapping = (async () => {
    try {
      return await wrap.wrap?.(key, binding, signal === undefined ? {} : { signal });
    } finally {
      key.fill(0);
    }
  })();
  const wrapped = await abortable(wrapping, signal);
  if (typeof wrapped === "string" && wrappedText.test(wrapped)) return wrapped;
  const limit = "1 to 2048 printable ASCII characters without spaces";
  throw new GuardError("ERR_BOOTSTRAP_IMPOSSIBLE", `wrap ${wrap.name}: what it made of the key is not ${limit}`);
}
