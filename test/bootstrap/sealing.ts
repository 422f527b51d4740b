import { spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { joinChunks } from "../../src/bootstrap/chunks.ts";
import type { Binding } from "../../src/bootstrap/contract.ts";
import { readManifest } from "../../src/bootstrap/manifest.ts";
import type { SealedData } from "../../src/bootstrap/sealed-data.ts";
import { bootstrapSigner } from "../../src/bootstrap/signer.ts";
import { localKeyWrap } from "../../src/bootstrap/wraps/local-key.ts";
import { findProgram } from "../support/programs.ts";

export const binding: Binding = {
  machine: {
    managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90",
    machine: { namespace: "default", name: "prod-control-plane-abc12", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a01" },
    cluster: { namespace: "default", name: "prod", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" },
  },
  id: "00112233445566778899aabbccddeeff",
  format: "cloud-config",
  mode: "pointer",
  sealedAt: 1_790_000_000_000,
  expiresAt: 1_790_003_600_000,
};

export interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const p256: Pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const rsa2048: Pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const signer = bootstrapSigner();
export const localWrap = ({ publicKey }: Pair) => localKeyWrap({ publicKey, path: "/etc/acme/image.key" });

export const openssl = { server: "openssl", program: findProgram("openssl"), hint: "Debian: apt-get install openssl" };

/** What openssl does with a file of this content, and with these keys beside it. */
export function runOpenssl(args: (file: (content: string | Uint8Array) => string) => readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "provider-guard-openssl-"));
  let files = 0;
  try {
    const file = (content: string | Uint8Array) => {
      const path = join(folder, String(files++));
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    const { status, stdout, stderr } = spawnSync("openssl", args(file), { maxBuffer: 8 * 1024 ** 2, timeout: 30_000 });
    return { status, stdout, stderr: stderr.toString() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const pkcs8 = (key: KeyObject) => key.export({ format: "pem", type: "pkcs8" });

/** Decrypts an envelope as a machine does. */
export const decrypt = (envelope: Uint8Array, key: string | Uint8Array) =>
  runOpenssl((file) => ["cms", "-decrypt", "-binary", "-inform", "DER", "-in", file(envelope), "-inkey", file(key)]);

/** The envelope of sealed data, once signature, chain and digests have been checked. */
export function envelopeOf(sealed: SealedData): Buffer {
  const signed = verify(
    null,
    Buffer.from(sealed.manifest),
    createPublicKey(sealed.signer),
    Buffer.from(sealed.signature, "base64"),
  );
  if (!signed) throw new Error("the signature does not verify");
  return joinChunks(sealed.chunks, readManifest(sealed.manifest).cipher);
}
