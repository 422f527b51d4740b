import { generateKeyPairSync } from "node:crypto";
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, GetObjectTaggingCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ListTagsForResourceCommand, SSMClient } from "@aws-sdk/client-ssm";
import { plainTags } from "provider-guard";
import { aws, kmsWrap, s3Store, secretsManagerStore, ssmStore } from "provider-guard/aws";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { testBinding } from "../support/bootstrap-store-contract.ts";
import { type GuardedRun, guardedRun, stranger, subject } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

const settings = { region: "eu-central-1", credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } };
const canary = "s3cr3t-bootstrap-canary";
type Pairs = readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;

describeWithMoto("AWS stores of bootstrap data with clients that a guard has wrapped", (python) => {
  let moto: Moto;
  let run: GuardedRun | undefined;
  beforeAll(async () => {
    moto = await startMoto(python);
    const s3 = new S3Client({ ...settings, endpoint: moto.url, forcePathStyle: true });
    const where = { CreateBucketConfiguration: { LocationConstraint: "eu-central-1" } as const };
    await s3.send(new CreateBucketCommand({ Bucket: "bootstrap", ...where }));
    s3.destroy();
  });
  afterAll(() => moto?.stop());
  afterEach(() => run?.clean());

  /** A store on a client, and the tags that its items really have. */
  const stores = {
    "Secrets Manager": (wrap: <C extends object>(client: C) => C) => {
      const client = wrap(new SecretsManagerClient({ ...settings, endpoint: moto.url }));
      const tags = async (item: string): Promise<Pairs> =>
        (await client.send(new DescribeSecretCommand({ SecretId: `prod/${item}` }))).Tags;
      return { store: secretsManagerStore({ client, prefix: "prod" }), tags };
    },
    "Systems Manager": (wrap: <C extends object>(client: C) => C) => {
      const client = wrap(new SSMClient({ ...settings, endpoint: moto.url }));
      const tags = async (item: string): Promise<Pairs> => {
        const command = new ListTagsForResourceCommand({ ResourceType: "Parameter", ResourceId: `/prod/${item}` });
        return (await client.send(command)).TagList;
      };
      return { store: ssmStore({ client, prefix: "prod" }), tags };
    },
    S3: (wrap: <C extends object>(client: C) => C) => {
      const client = wrap(new S3Client({ ...settings, endpoint: moto.url, forcePathStyle: true }));
      const tags = async (item: string): Promise<Pairs> =>
        (await client.send(new GetObjectTaggingCommand({ Bucket: "bootstrap", Key: `prod/${item}` }))).TagSet;
      return { store: s3Store({ client, bucket: "bootstrap", prefix: "prod" }), tags };
    },
  };
  const cases = Object.entries(stores);

  it.each(cases)(
    "%s: inside guard.reconcile the guard's owner tags stand beside the store's own",
    async (_title, make) => {
      run = await guardedRun();
      const { guard } = run;
      const { store, tags } = make((client) => guard.wrap(client as never, aws()) as never);
      const binding = testBinding();
      const name = `${binding.id}/0`;
      const bytes = Buffer.from(canary);
      await guard.reconcile(subject, async () => {
        await store.put(name, bytes, binding);
        await store.put(name, bytes, binding);
        await expect(store.put(name, Buffer.from("another"), binding)).rejects.toMatchObject({
          code: "ERR_CONFIG_INVALID",
        });
        expect(await store.has(name)).toBe(true);
      });
      const there = Object.fromEntries(((await tags(name)) ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
      expect(plainTags.decode(there)).toMatchObject({
        clusterUid: subject.cluster.uid,
        machineUid: subject.machine?.uid,
      });
      const listed = [];
      for await (const item of store.list({ managementCluster: "mc-1", id: binding.id })) listed.push(item);
      expect(listed).toMatchObject([{ name, machineUid: binding.machine.machine.uid, expiresAt: binding.expiresAt }]);
      await guard.reconcile(subject, async () => {
        expect(await store.delete(name)).toBe(true);
        expect(await store.delete(name)).toBe(false);
      });
      const { verification, text } = await run.finish();
      expect(verification.ok).toBe(true);
      for (const form of [canary, Buffer.from(canary).toString("base64")]) expect(text).not.toContain(form);
    },
  );

  it.each(cases)("%s: with a plain client it stores the same, without owner tags", async (_title, make) => {
    const { store, tags } = make((client) => client);
    const binding = testBinding();
    const name = `${binding.id}/0`;
    await store.put(name, Buffer.from(canary), binding);
    const there = ((await tags(name)) ?? []).map(({ Key = "" }) => Key);
    expect(there.filter((key) => key.startsWith(plainTags.prefix))).toEqual([]);
    expect(await store.delete(name)).toBe(true);
  });

  it.each(cases.slice(0, 2))("%s: another cluster's reconcile may not delete an item", async (_title, make) => {
    run = await guardedRun();
    const { guard } = run;
    const { store } = make((client) => guard.wrap(client as never, aws()) as never);
    const binding = testBinding();
    const name = `${binding.id}/0`;
    await guard.reconcile(subject, () => store.put(name, Buffer.from(canary), binding));
    await expect(guard.reconcile(stranger, () => store.delete(name))).rejects.toMatchObject({
      code: "ERR_OWNER_FOREIGN",
    });
    expect(await store.has(name)).toBe(true);
    expect(await store.delete(name)).toBe(true); // a sweep works for no cluster
  });

  it("KMS: what is wrapped stands in no record of the journal", async () => {
    run = await guardedRun();
    const { guard } = run;
    const plain = new KMSClient({ ...settings, endpoint: moto.url });
    const { KeyMetadata } = await plain.send(new CreateKeyCommand({}));
    plain.destroy();
    const client = guard.wrap(new KMSClient({ ...settings, endpoint: moto.url }), aws());
    const wrap = kmsWrap({ client, keyId: KeyMetadata?.Arn as string });
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = privateKey.export({ format: "der", type: "pkcs8" });
    const wrapped = await guard.reconcile(subject, async () => wrap.wrap?.(key, testBinding()));
    expect(wrapped).toContain(`${KeyMetadata?.Arn},`);
    const { records, text } = await run.finish();
    expect(records.length).toBeGreaterThan(0);
    expect(text).toContain("Encrypt");
    for (const form of ["base64", "hex"] as const) expect(text).not.toContain(key.toString(form).slice(8, 80));
    expect(text).not.toContain(key.subarray(0, 20).join(","));
  });
});
