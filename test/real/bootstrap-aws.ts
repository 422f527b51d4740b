import { randomBytes } from "node:crypto";
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { kmsWrap, s3Store, secretsManagerStore, ssmStore } from "provider-guard/aws";
import type { Binding, BootstrapStore, KeyWrap, OpenerPart } from "provider-guard/bootstrap";
import { stageOpener } from "../../src/bootstrap/opener/compose.ts";
import { sealData } from "../../src/bootstrap/seal-data.ts";
import { type BootstrapSigner, bootstrapSigner } from "../../src/bootstrap/signer.ts";
import { type AwsFront, controller, startAwsFront } from "./aws-front.ts";
import { binding } from "./bootstrap-opener/sealed.ts";
import { startMoto } from "./moto.ts";

export const region = "eu-central-1";
/** moto's. */
export const account = "123456789012";
export const bucket = "bootstrap";
export const prefix = "prod/bootstrap";
export const context = { cluster: "prod" };

/** Stores by the name that they have in tests. */
export type Stores = Readonly<Record<"secretsManager" | "ssm" | "s3", BootstrapStore>>;

/** Moto with a key and a bucket, behind the front that checks signatures. */
export interface TestAws {
  readonly front: AwsFront;
  readonly stores: Stores;
  readonly wrap: KeyWrap;
  readonly keyArn: string;
  readonly signer: BootstrapSigner;
  /** What clients of the SDK are made with. */
  readonly settings: { endpoint: string; region: string; credentials: object; maxAttempts: number };
  /** Seals to the key, in chunks of at most so many bytes, and puts the chunks. */
  launch(
    store: BootstrapStore,
    data: string,
    chunkBytes?: number,
    unwrap?: (binding: Binding) => OpenerPart,
  ): Promise<Launched>;
  stop(): Promise<void>;
}

/** What a machine gets, and what stands for it in the store. */
export interface Launched {
  readonly opener: string;
  readonly id: string;
  /** Names of the items that hold the data. */
  readonly items: readonly string[];
  /** Names of these, and of those that hold the program, as `left` gives them. */
  readonly all: readonly string[];
  /** Which of them are still there. */
  left(): Promise<string[]>;
}

/** Starts it. */
export async function startTestAws(python: string): Promise<TestAws> {
  const moto = await startMoto(python);
  const front = await startAwsFront(moto.url);
  const settings = { endpoint: front.url, region, credentials: controller, maxAttempts: 2 };
  const kms = new KMSClient(settings);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const secrets = new SecretsManagerClient(settings);
  const ssm = new SSMClient(settings);
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  await s3.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: { LocationConstraint: region } }));
  front.reset();
  const machine = { prefix, endpoint: front.url };
  const stores = {
    secretsManager: secretsManagerStore({ client: secrets, ...machine }),
    ssm: ssmStore({ client: ssm, ...machine }),
    s3: s3Store({ client: s3, bucket, ...machine }),
  };
  const keyArn = KeyMetadata?.Arn as string;
  const wrap = kmsWrap({ client: kms, keyId: keyArn, endpoint: front.url, encryptionContext: context });
  const signer = bootstrapSigner();

  async function launch(
    store: BootstrapStore,
    data: string,
    chunkBytes = store.maxItemBytes,
    unwrap = wrap.opener,
  ): Promise<Launched> {
    const bound = binding({ id: randomBytes(16).toString("hex") });
    const limits = { maxItemBytes: chunkBytes, maxItems: store.maxItems };
    const sealed = await sealData({ data, binding: bound, wrap, signer, ...limits });
    const part = (await store.opener(bound)) as OpenerPart;
    const { opener, program } = stageOpener({ sealed, wrap: unwrap(bound), store: part }, chunkBytes);
    const all = [...sealed.chunks, ...program];
    const names = all.map((_, index) => `${bound.id}/${index}`);
    for (const [index, bytes] of all.entries()) await store.put(names[index] as string, bytes, bound);
    const items = names.slice(0, sealed.chunks.length);
    async function left() {
      const found: string[] = [];
      for await (const { name } of store.list({ managementCluster: "mgmt", id: bound.id })) found.push(name);
      return found.sort();
    }
    return { opener, id: bound.id, items, all: [...names].sort(), left };
  }

  return {
    front,
    stores,
    wrap,
    keyArn,
    signer,
    settings,
    launch,
    async stop() {
      for (const client of [kms, s3, secrets, ssm]) client.destroy();
      await front.stop();
      await moto.stop();
    },
  };
}
