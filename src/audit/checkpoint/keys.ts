import { createPublicKey, sign } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { GuardError } from "../../core/errors.ts";
import { checkName, parsePrivateKey } from "./private-key.ts";
import { formatVerifierKey, parseVerifierKey, rawPublicKey, signatureTypes } from "./verifier-key.ts";

/** What signs checkpoints. */
export interface CheckpointKey {
  /** What the key is called in signatures. */
  readonly name: string;
  /** The public key for those who verify: `name+id+base64`. */
  readonly publicKey: string;
  /**
   * Signs with Ed25519.
   * @returns The 64 bytes of the signature.
   */
  sign(bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

function localKey(text: string, name: string | undefined, path: string): CheckpointKey {
  const named = parsePrivateKey(text, name, path);
  return {
    name: named.name,
    publicKey: formatVerifierKey(named.name, signatureTypes.ed25519, rawPublicKey(named.key)),
    sign: async (bytes) => sign(null, bytes, named.key),
  };
}

const text = z.string().min(1);
const fileSchema = z.strictObject({ path: text, name: text.optional() });

/**
 * Reads the key that signs checkpoints from a file, at once. A file that others can read is refused.
 *
 * @param options - `path`: the file, with a key as {@link generateKey} makes it, or PKCS#8 in PEM.
 *   `name`: what a PEM key is called in signatures.
 * @returns The key, for {@link checkpoints}.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: not there, readable by others, or not an Ed25519 key.
 *   The message never holds the key.
 * @example
 * import { fileKey } from "provider-guard/audit";
 * const key = () => fileKey({ path: "/etc/acme/checkpoint.key" });
 */
export function fileKey(options: { readonly path: string; readonly name?: string }): CheckpointKey {
  const { path, name } = parseOptions(fileSchema, options, "fileKey");
  const where = `fileKey.path ${path}`;
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new GuardError("ERR_CONFIG_INVALID", `${where}: cannot be read (${code})`, { cause });
  }
  try {
    refuseOpen(fstatSync(fd), where);
    return localKey(readFileSync(fd, "utf8"), name, where);
  } finally {
    closeSync(fd);
  }
}

function refuseOpen(found: Stats, where: string): void {
  if (!found.isFile()) throw new GuardError("ERR_CONFIG_INVALID", `${where}: not a file`);
  // A process that does not own the file can only read it as a member of its group: so Kubernetes mounts
  // secrets for a user other than root.
  const foreign = found.uid !== process.getuid?.();
  const forbidden = foreign ? 0o027 : 0o077;
  if ((found.mode & forbidden) === 0) return;
  const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
  const wanted = foreign ? "0440" : "0400";
  throw new GuardError("ERR_CONFIG_INVALID", `${where}: its mode is ${mode}, so others have access; make it ${wanted}`);
}

const environmentSchema = z.strictObject({ variable: text, name: text.optional() });

/**
 * Reads the key that signs checkpoints from an environment variable, at once. Child processes inherit the
 * variable unless they are given another environment.
 *
 * @param options - `variable`: holds a key as {@link generateKey} makes it, or PKCS#8 in PEM.
 *   `name`: what a PEM key is called in signatures.
 * @returns The key, for {@link checkpoints}.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: not set, or not an Ed25519 key. The message never holds the key.
 * @example
 * import { environmentKey } from "provider-guard/audit";
 * const key = () => environmentKey({ variable: "ACME_CHECKPOINT_KEY" });
 */
export function environmentKey(options: { readonly variable: string; readonly name?: string }): CheckpointKey {
  const { variable, name } = parseOptions(environmentSchema, options, "environmentKey");
  const where = `environmentKey.variable ${variable}`;
  const value = process.env[variable];
  if (value === undefined) throw new GuardError("ERR_CONFIG_INVALID", `${where}: not set`);
  return localKey(value, name, where);
}

/** Options of {@link signer}. */
export interface SignerOptions {
  /** What the key is called in signatures. */
  readonly name: string;
  /** The Ed25519 public key: a verifier key of that name (`name+id+base64`), or SPKI in PEM. */
  readonly publicKey: string;
  /**
   * Signs with Ed25519 (pure, not prehashed). It should heed the signal; what comes later is not used.
   * @returns The 64 bytes of the signature.
   */
  sign(bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

const signerSchema = z.strictObject({
  name: text,
  publicKey: text,
  sign: z.custom<SignerOptions["sign"]>((value) => typeof value === "function", "expected a function"),
});

/**
 * Lets something else sign checkpoints, such as a key management service: the private key never comes near
 * this process. Each signature is verified before it is used; a signer that fails or hangs is tried again.
 *
 * @param options - See {@link SignerOptions}.
 * @returns The key, for {@link checkpoints}.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for an unfit name or public key.
 * @example
 * import { signer } from "provider-guard/audit";
 * declare const kms: { sign(keyId: string, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> };
 * const key = (publicKey: string) =>
 *   signer({ name: "audit.example.com/acme", publicKey, sign: (bytes, signal) => kms.sign("alias/acme", bytes, signal) });
 */
export function signer(options: SignerOptions): CheckpointKey {
  const parsed = parseOptions(signerSchema, options, "signer");
  const name = checkName(parsed.name, "signer.name");
  return { name, publicKey: publicKeyOf(name, parsed.publicKey), sign: (bytes, signal) => options.sign(bytes, signal) };
}

function publicKeyOf(name: string, given: string): string {
  const path = "signer.publicKey";
  if (!given.trimStart().startsWith("-----BEGIN PUBLIC KEY")) {
    const key = parseVerifierKey(given, path);
    if (key.name === name && key.type === signatureTypes.ed25519) return given;
    throw new GuardError("ERR_CONFIG_INVALID", `${path}: expected an Ed25519 key called ${name}`);
  }
  try {
    const key = createPublicKey(given);
    if (key.asymmetricKeyType === "ed25519") return formatVerifierKey(name, signatureTypes.ed25519, rawPublicKey(key));
  } catch {
    // said below
  }
  throw new GuardError("ERR_CONFIG_INVALID", `${path}: expected an Ed25519 public key in PEM`);
}
