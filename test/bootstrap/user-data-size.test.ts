import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KMSClient } from "@aws-sdk/client-kms";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { memoryState } from "provider-guard";
import { kmsWrap, s3Store, secretsManagerStore, ssmStore } from "provider-guard/aws";
import {
  type BootstrapFormat,
  type BootstrapStore,
  bootstrapVault,
  directoryStore,
  httpStore,
  type KeyWrap,
  localKeyWrap,
  memoryStore,
} from "provider-guard/bootstrap";
import { afterAll, describe, expect, it } from "vitest";

const most = 4096;
const region = "ap-southeast-2";
const uid = "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00";
const settings = { region, credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } };
const answering = <C extends object>(client: C, answer: object = {}): C =>
  Object.assign(client, { send: async () => answer });
/** As long as KMS makes it of a key of 138 bytes. */
const encrypted = {
  KeyId: `arn:aws:kms:${region}:123456789012:key/1b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00`,
  CiphertextBlob: randomBytes(290),
};
const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const wraps: Readonly<Record<string, KeyWrap>> = {
  KMS: kmsWrap({
    client: answering(new KMSClient(settings), encrypted),
    keyId: "alias/bootstrap",
    encryptionContext: { cluster: "prod" },
  }),
  "the image's key": localKeyWrap({ publicKey, path: "/etc/acme/image.key" }),
};

const folder = mkdtempSync(join(tmpdir(), "user-data-size-"));
afterAll(() => rmSync(folder, { recursive: true }));

const prefix = "production/bootstrap";
const stores: Readonly<Record<string, BootstrapStore>> = {
  "Secrets Manager": secretsManagerStore({ client: answering(new SecretsManagerClient(settings)), prefix }),
  "Systems Manager": ssmStore({ client: answering(new SSMClient(settings)), prefix }),
  S3: s3Store({ client: answering(new S3Client(settings)), bucket: "acme-production-bootstrap", prefix }),
  HTTP: httpStore({
    url: "https://bootstrap.acme.example:8443/machines",
    backing: memoryStore(),
    state: memoryState(),
  }),
  "a directory": directoryStore({ path: folder, machinePath: "/mnt/bootstrap" }),
};

async function userData(store: BootstrapStore, wrap: KeyWrap, format: BootstrapFormat): Promise<Buffer> {
  await using vault = bootstrapVault({ managementCluster: uid, state: memoryState(), cloud: "aws", store, wrap });
  const ref = (name: string) => ({ namespace: "default", name, uid });
  const of = { cluster: ref("production"), machine: ref("production-control-plane-x7k2p") };
  const { userData } = await vault.seal({ ...of, data: randomBytes(20_000), format, mode: "pointer" });
  return Buffer.from(userData);
}

const [secretsManager, systemsManager, s3, ...others] = Object.entries(stores) as [string, BootstrapStore][];
const ofAws = [secretsManager, systemsManager, s3] as [string, BootstrapStore][];

describe.each(Object.entries(stores))("with data in %s", (_, store) => {
  it.each(Object.entries(wraps))("user data for cloud-init take 4 KB at most, by %s", async (_, wrap) => {
    expect((await userData(store, wrap, "cloud-config")).length).toBeLessThanOrEqual(most);
  });
});

describe.each(others)("with data in %s", (_, store) => {
  it.each(Object.entries(wraps))("user data that are a script take 4 KB at most, by %s", async (_, wrap) => {
    expect((await userData(store, wrap, "script")).length).toBeLessThanOrEqual(most);
  });
});

describe.each(ofAws)("with data in %s", (_, store) => {
  it.each(Object.entries(wraps))("user data that are a script hold 4 KB at most in base64, by %s", async (_, wrap) => {
    const [, base64 = ""] = /<<'EOF'.*\n([^']+)\nEOF\n/.exec((await userData(store, wrap, "script")).toString()) ?? [];
    const held = Buffer.from(base64, "base64").length;
    expect(held).toBeGreaterThan(1000);
    expect(held).toBeLessThanOrEqual(most);
  });
});
