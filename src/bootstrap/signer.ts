import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import * as z from "zod";
import { abortable } from "../core/abort.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { Abortable } from "./contract.ts";
import { pemOrKey } from "./key-option.ts";

/** What signs the manifests of sealed bootstrap data: {@link bootstrapSigner}, or a service that keeps the key. */
export interface BootstrapSigner {
  /** Ed25519, SubjectPublicKeyInfo in PEM: what an image pins as `/etc/provider-guard/bootstrap-signer.pem`. */
  readonly publicKey: string;
  /**
   * Signs with Ed25519 (pure, not prehashed).
   * @returns The 64 bytes of the signature.
   */
  sign(bytes: Uint8Array, options?: Abortable): Promise<Uint8Array>;
}

/** Options of {@link bootstrapSigner}. */
export interface BootstrapSignerOptions {
  /**
   * Ed25519 private key: PKCS #8 in PEM, or a key object.
   * @defaultValue A fresh one, which ends with the process: then no image can pin it.
   */
  readonly privateKey?: string | KeyObject;
}

/** Signers whose signatures need no look. */
const ours = new WeakSet<BootstrapSigner>();
const path = "bootstrapSigner.privateKey";
const schema = z.strictObject({ privateKey: pemOrKey.optional() });

/**
 * Makes what signs the manifests of sealed bootstrap data. Replicas that seal for images which pin
 * the public key share one private key.
 *
 * @param options - See {@link BootstrapSignerOptions}.
 * @returns The signer, for {@link bootstrapVault}.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` unless the key is an Ed25519 private key. No message holds
 *   anything of it.
 * @example
 * import { readFile } from "node:fs/promises";
 * import { bootstrapSigner } from "provider-guard/bootstrap";
 * const signer = bootstrapSigner({ privateKey: await readFile("/etc/acme/bootstrap-signer.key", "utf8") });
 * console.log(signer.publicKey); // for the image
 */
export function bootstrapSigner(options: BootstrapSignerOptions = {}): BootstrapSigner {
  const { privateKey } = parseOptions(schema, options, "bootstrapSigner");
  const key = privateKey === undefined ? generateKeyPairSync("ed25519").privateKey : readKey(privateKey);
  const signer: BootstrapSigner = {
    publicKey: createPublicKey(key).export({ format: "pem", type: "spki" }) as string,
    sign: (bytes) =>
      new Promise((resolve, reject) => {
        sign(null, bytes, key, (error, signature) => (error === null ? resolve(signature) : reject(error)));
      }),
  };
  ours.add(signer);
  return signer;
}

/**
 * Signs a manifest. What a signer that is not {@link bootstrapSigner} has signed is verified: a machine would refuse
 * it for good.
 *
 * @returns The signature in base64.
 * @throws {@link GuardError} `ERR_BOOTSTRAP_INVALID` where it does not verify.
 * @throws what the signer rejects with; `signal.reason`.
 */
export async function signManifest(
  signer: BootstrapSigner,
  manifest: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const bytes = Buffer.from(manifest, "latin1");
  const signature = await abortable(signer.sign(bytes, signal === undefined ? {} : { signal }), signal);
  if (!ours.has(signer) && !verifies(signer.publicKey, bytes, signature)) {
    throw new GuardError("ERR_BOOTSTRAP_INVALID", "signer: its signature does not verify with its Ed25519 public key");
  }
  return Buffer.from(signature).toString("base64");
}

function verifies(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey(publicKey);
    return key.asymmetricKeyType === "ed25519" && verify(null, bytes, key, signature);
  } catch {
    return false;
  }
}

function readKey(given: string | KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = typeof given === "string" ? createPrivateKey(given) : given;
  } catch {
    // a cause might quote the text
    throw new GuardError("ERR_CONFIG_INVALID", `${path}: not a private key in PEM (PKCS #8), or encrypted`);
  }
  if (key.type === "private" && key.asymmetricKeyType === "ed25519") return key;
  const got = `${key.asymmetricKeyType ?? ""} ${key.type} key`.trim();
  throw new GuardError("ERR_CONFIG_INVALID", `${path}: expected an Ed25519 private key, got: ${got}`);
}
