import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KMSClient } from "@aws-sdk/client-kms";
import { kmsWrap } from "../../../adapters/aws/bootstrap/kms-wrap.ts";
import type { OpenerPart } from "../../../src/bootstrap/contract.ts";
import { cloudInitUserData } from "../../../src/bootstrap/opener/cloud-init/user-data.ts";
import { composeOpener, stageOpener } from "../../../src/bootstrap/opener/compose.ts";
import { sealData } from "../../../src/bootstrap/seal-data.ts";
import type { SealedData } from "../../../src/bootstrap/sealed-data.ts";
import { bootstrapSigner } from "../../../src/bootstrap/signer.ts";
import { localKeyWrap } from "../../../src/bootstrap/wraps/local-key.ts";
import type { Machine } from "./machine.ts";

const keyPath = "/etc/acme/image.key";
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const signer = bootstrapSigner();
/** Of the key that the image holds once `installKey` was called. */
export const wrap = localKeyWrap({ publicKey: pair.publicKey, path: keyPath });

/** A store in the folder that the machine shares with the test; it goes away where `lose-power-at-…` says so. */
const hostStore: OpenerPart = {
  script: `pg_fetch() {
  /host/pause fetch
  [ ! -e /host/store-is-away ] || return 1
  cat "/host/store/$1" >"$2" || return 2
}
pg_forget() {
  /host/pause forget
  rm -f "/host/store/$1"
}
`,
};

/** Seals for the image's key. */
export async function seal(data: string | Uint8Array, mode: "inline" | "pointer"): Promise<SealedData> {
  const sealedAt = Math.floor(Date.now() / 1000) * 1000;
  const machine = {
    namespace: "default",
    name: "prod-control-plane-abc12",
    uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a01",
  };
  const cluster = { namespace: "default", name: "prod", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" };
  return sealData({
    data,
    binding: {
      machine: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", machine, cluster },
      id: randomBytes(16).toString("hex"),
      format: "cloud-config",
      mode,
      sealedAt,
      expiresAt: sealedAt + 3_600_000,
    },
    wrap,
    signer,
    level: 9,
    maxItemBytes: mode === "inline" ? 1 << 20 : 4096,
    maxItems: 100,
  });
}

/** The user data that opens what was sealed; what is not inline is in the machine's store. */
export const inlineUserData = (sealed: SealedData) =>
  cloudInitUserData(
    composeOpener({ sealed, wrap: wrapOpener(sealed), store: undefined, cloudInit: true }),
    sealed.chunks[0],
  );

const staged = (sealed: SealedData) =>
  stageOpener({ sealed, wrap: wrapOpener(sealed), store: hostStore, cloudInit: true }, 4096);
/** The chunks, and the program behind them. */
export const itemsOf = (sealed: SealedData) => [...sealed.chunks, ...staged(sealed).program];

export const pointerUserData = (sealed: SealedData) => cloudInitUserData(staged(sealed).opener);

/** User data of the same sealing as it is with AWS KMS: with the larger program, and a wrapped key of its size. */
export function kmsUserData(sealed: SealedData): Uint8Array {
  const keyId = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
  const wrapped = `${keyId},${randomBytes(300).toString("base64")}`;
  const kms = kmsWrap({ client: new KMSClient({ region: "eu-central-1" }), keyId });
  const wrap = kms.opener(sealed.binding);
  const opener = composeOpener({ sealed: { ...sealed, wrapped }, wrap, store: undefined, cloudInit: true });
  return cloudInitUserData(opener, sealed.chunks[0]);
}

const wrapOpener = (sealed: SealedData) => wrap.opener(sealed.binding);

/** How many items a sealing has. */
export const itemCount = (sealed: SealedData) => itemsOf(sealed).length;

/** Puts the chunks and the program where the machine fetches them. */
export async function store(machine: Machine, sealed: SealedData): Promise<void> {
  const folder = join(machine.host, "store");
  await mkdir(folder, { recursive: true });
  for (const [i, chunk] of itemsOf(sealed).entries()) await writeFile(join(folder, String(i)), chunk);
}

/** How many items are in the machine's store. */
export const stored = async (machine: Machine) => (await readdir(join(machine.host, "store"))).length;

/** What the image holds. */
export const installKey = (machine: Machine) =>
  machine.write(keyPath, pair.privateKey.export({ format: "pem", type: "pkcs8" }), 0o600);

/** The one line of the machine's status, and its words. */
export async function status(machine: Machine): Promise<{ state?: string; id?: string; reason?: string }> {
  const line = (await machine.read("var/lib/provider-guard/bootstrap/status")) ?? "";
  const [state, id, reason] = line.trim().split(" ");
  return { ...(state && { state }), ...(id && { id }), ...(reason && { reason }) };
}
