import { randomBytes } from "node:crypto";
import { KMSClient } from "@aws-sdk/client-kms";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { memoryState } from "provider-guard";
import { kmsWrap, s3Store, secretsManagerStore, ssmStore } from "provider-guard/aws";
import { type BootstrapStore, bootstrapVault, httpStore, memoryStore } from "provider-guard/bootstrap";
import type { Row } from "../row.ts";
import { kubeadmData } from "./kubeadm-data.ts";

const uid = "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00";
const clientOptions = { region: "eu-central-1", credentials: { accessKeyId: "bench", secretAccessKey: "bench" } };

/** A client whose service says always the same: no figure here depends on it. */
const answering = <C extends object>(client: C, answer: object): C =>
  Object.assign(client, { send: async () => answer });

/** Ciphertext of AWS KMS is about 150 bytes longer than the key that it holds. */
const encrypted = {
  KeyId: "arn:aws:kms:eu-central-1:123456789012:key/1b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00",
  CiphertextBlob: randomBytes(290),
};

const secretsManager = () => secretsManagerStore({ client: answering(new SecretsManagerClient(clientOptions), {}) });

const otherStores: Readonly<Record<string, () => BootstrapStore>> = {
  "in Systems Manager": () => ssmStore({ client: answering(new SSMClient(clientOptions), {}) }),
  "in S3": () => s3Store({ client: answering(new S3Client(clientOptions), {}), bucket: "bench-bootstrap" }),
  "by HTTP": () => httpStore({ url: "https://bootstrap.example.com/v1", backing: memoryStore(), state: memoryState() }),
};

async function userDataBytes(store: BootstrapStore, format: "cloud-config" | "script"): Promise<number> {
  await using vault = bootstrapVault({
    managementCluster: uid,
    state: memoryState(),
    cloud: "aws",
    store,
    wrap: kmsWrap({ client: answering(new KMSClient(clientOptions), encrypted), keyId: "alias/bootstrap" }),
  });
  const ref = (name: string) => ({ namespace: "default", name, uid });
  const { userData } = await vault.seal({
    cluster: ref("bench"),
    machine: ref("bench-control-plane-x7k2p"),
    data: kubeadmData(16_384),
    format,
    mode: "pointer",
  });
  return userData.length;
}

/** What EC2 hands to whoever asks its metadata service: nothing in it is secret. */
export const stub: Row = {
  id: "stub",
  what: "user data of a machine whose data is in Secrets Manager, its key wrapped by KMS, opened within cloud-init",
  unit: "bytes",
  better: "lower",
  goal: 4096,
  async run() {
    const value = await userDataBytes(secretsManager(), "cloud-config");
    const alternatives = [{ name: "opened by a script", value: await userDataBytes(secretsManager(), "script") }];
    for (const [name, store] of Object.entries(otherStores)) {
      alternatives.push({ name, value: await userDataBytes(store(), "cloud-config") });
    }
    return { value, alternatives };
  },
};
