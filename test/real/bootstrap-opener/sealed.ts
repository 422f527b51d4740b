import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Binding, BootstrapFormat, OpenerPart } from "../../../src/bootstrap/contract.ts";
import { stageOpener } from "../../../src/bootstrap/opener/compose.ts";
import { sealData } from "../../../src/bootstrap/seal-data.ts";
import type { SealedData } from "../../../src/bootstrap/sealed-data.ts";
import { type BootstrapSigner, bootstrapSigner } from "../../../src/bootstrap/signer.ts";
import { localKeyWrap } from "../../../src/bootstrap/wraps/local-key.ts";

/** The key pair of an image. */
export const imageKey = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const signer: BootstrapSigner = bootstrapSigner();

const object = (name: string) => ({ namespace: "default", name, uid: `uid-of-${name}` });

export function binding(changes: Partial<Binding> = {}): Binding {
  const sealedAt = Math.floor(Date.now() / 1000) * 1000 - 60_000;
  return {
    machine: { managementCluster: "mgmt", cluster: object("prod"), machine: object("prod-1") },
    id: randomBytes(16).toString("hex"),
    format: "script" as BootstrapFormat,
    mode: "pointer",
    sealedAt,
    expiresAt: sealedAt + 3_600_000,
    ...changes,
  };
}

/** Puts the image's private key into the folder, and seals to it. */
export async function sealFor(
  folder: string,
  data: string | Uint8Array,
  {
    maxItemBytes = 65_536,
    by = signer,
    ...changes
  }: Partial<Binding> & { maxItemBytes?: number; by?: BootstrapSigner } = {},
): Promise<{ sealed: SealedData; wrap: OpenerPart }> {
  const path = join(folder, "image.key");
  writeFileSync(path, imageKey.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const wrap = localKeyWrap({ publicKey: imageKey.publicKey, path });
  const bound = binding(changes);
  const sealed = await sealData({ data, binding: bound, wrap, signer: by, maxItemBytes, maxItems: 100 });
  return { sealed, wrap: wrap.opener(bound) };
}

/** A store that is a folder, and writes down what it was asked for. */
export function folderStore(folder: string, chunks: readonly Uint8Array[]): OpenerPart & { readonly path: string } {
  const path = join(folder, "store");
  mkdirSync(path, { recursive: true });
  for (const [index, chunk] of chunks.entries()) writeFileSync(join(path, String(index)), chunk);
  const script = `pg_fetch() {
  echo "fetch $1" >>"$pg_folder/asked"
  [ -e "$pg_folder/$1" ] || return 2
  cat "$pg_folder/$1" >"$2"
}
pg_forget() {
  echo "forget $1" >>"$pg_folder/asked"
  rm -f "$pg_folder/$1"
}`;
  return { path, script, settings: { pg_folder: path } };
}

/** The opener in two stages, as machines get it, whose second stage lies in that folder, too. */
export function stagedIn(folder: string, options: { sealed: SealedData; wrap: OpenerPart }, maxItemBytes = 4096) {
  const store = folderStore(folder, options.sealed.chunks);
  const { opener, program } = stageOpener({ ...options, store }, maxItemBytes);
  const first = options.sealed.chunks.length;
  for (const [index, piece] of program.entries()) writeFileSync(join(store.path, String(first + index)), piece);
  return { opener, store: store.path, first, items: first + program.length };
}

/** Marks what may be found nowhere. It is in the data, and neither in its ciphertext nor in its gzip. */
export const canary = "canary-9f86d081884c7d65";

/** A script that leaves a line in `effect` of the folder each time it is executed. */
export function sampleScript(folder: string, body = ""): string {
  return `#!/bin/sh\n# ${canary}\necho "ran ${"$"}(umask)" >>${folder}/effect\n${body}\n# ${randomBytes(800).toString("hex")}\n`;
}
