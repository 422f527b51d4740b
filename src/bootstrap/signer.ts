import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import { pemOrKey } from "./key-option.ts";

/** What signs the manifests of sealed bootstrap data. */
export interface BootstrapSigner {
  /** Ed25519, SubjectPublicKeyInfo in PEM: what an image pins as `/etc/provider-guard/bootstrap-signer.pem`. */
  readonly publicKey: string;
  /**
   * Signs with Ed25519.
   * @returns The 64 bytes of the signature.
   */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Options of {@link bootstrapSigner}. */
export interface BootstrapSignerOptions {
  /**
   * Ed25519 private key: PKCS #8 in PEM, or a key object.
   * @defaultValue A fresh one, which ends with the process: then no image can pin it.
   */
  readonly privateKey?: string | KeyObject;
}

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
  return {
    publicKey: createPublicKey(key).export({ format: "pem", type: "spki" }) as string,
    sign: (bytes) =>
      new Promise((resolve, reject) => {
        sign(null, bytes, key, (error, signature) => (error === null ? resolve(signature) : reject(error)));
      }),
  };
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
