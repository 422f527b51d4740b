import { GuardError } from "../core/errors.ts";
import type { ObjectRef } from "../core/owner.ts";
import { checkBinding, checkWord } from "./check-binding.ts";
import type { Binding, BootstrapFormat, BootstrapMode } from "./contract.ts";

/** What the signature covers. Its text, which the opener reads, is described in docs/design/bootstrap-data.md. */
export interface Manifest {
  readonly binding: Binding;
  /** The compressed data, and how long it is uncompressed. */
  readonly plain: { readonly sha256: string; readonly bytes: number; readonly unzippedBytes: number };
  /** How many chunks there are; the digest of the first one, which holds that of the next. */
  readonly cipher: { readonly count: number; readonly sha256: string };
  /** The key wrap's name, and the digest of what it made: of the empty text where the key pair lasts. */
  readonly key: { readonly wrap: string; readonly sha256: string };
}

const title = "provider-guard bootstrap data 1";

const refText = ({ namespace, name, uid }: ObjectRef) => `${namespace} ${name} ${uid}`;

function checkCount(value: unknown, path: string): void {
  if (Number.isSafeInteger(value) && (value as number) > 0) return;
  throw new GuardError("ERR_CONFIG_INVALID", `${path}: expected a whole number above 0`);
}

/**
 * The manifest's only text.
 *
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming a field that is not one word of its kind.
 */
export function writeManifest({ binding, plain, cipher, key }: Manifest): string {
  checkBinding(binding, "manifest.binding");
  checkWord(plain.sha256, "sha256", "manifest.plain.sha256");
  checkCount(plain.bytes, "manifest.plain.bytes");
  checkCount(plain.unzippedBytes, "manifest.plain.unzippedBytes");
  checkCount(cipher.count, "manifest.cipher.count");
  checkWord(cipher.sha256, "sha256", "manifest.cipher.sha256");
  checkWord(key.wrap, "wrap", "manifest.key.wrap");
  checkWord(key.sha256, "sha256", "manifest.key.sha256");
  const { machine } = binding;
  return `${title}
machine ${machine.managementCluster} ${refText(machine.machine)}
cluster ${refText(machine.cluster)}
id ${binding.id}
format ${binding.format}
mode ${binding.mode}
sealed ${binding.sealedAt / 1000}
expires ${binding.expiresAt / 1000}
plain ${plain.sha256} ${plain.bytes} ${plain.unzippedBytes}
cipher ${cipher.count} ${cipher.sha256}
key ${key.wrap} ${key.sha256}
`;
}

/**
 * Reads a manifest's text. Who signed it is another question.
 *
 * @throws {@link GuardError} `ERR_BOOTSTRAP_INVALID` for anything that {@link writeManifest} would not have written.
 */
export function readManifest(text: string): Manifest {
  let again: string;
  const manifest = fromWords(text.split("\n").flatMap((line) => line.split(" ").slice(1)));
  try {
    again = writeManifest(manifest);
  } catch (cause) {
    throw new GuardError("ERR_BOOTSTRAP_INVALID", (cause as Error).message, { cause });
  }
  if (again !== text) throw new GuardError("ERR_BOOTSTRAP_INVALID", "manifest: not in the one form that it has");
  return manifest;
}

function fromWords(found: readonly string[]): Manifest {
  let next = title.split(" ").length - 1;
  const text = () => found[next++] as string; // where there is none, `writeManifest` refuses it
  const count = () => Number(text());
  const object = (): ObjectRef => ({ namespace: text(), name: text(), uid: text() });
  return {
    // Evaluated in this order, which is that of the text.
    binding: {
      machine: { managementCluster: text(), machine: object(), cluster: object() },
      id: text(),
      format: text() as BootstrapFormat,
      mode: text() as BootstrapMode,
      sealedAt: count() * 1000,
      expiresAt: count() * 1000,
    },
    plain: { sha256: text(), bytes: count(), unzippedBytes: count() },
    cipher: { count: count(), sha256: text() },
    key: { wrap: text(), sha256: text() },
  };
}
