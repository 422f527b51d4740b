import { randomBytes } from "node:crypto";
import { isGuardError, requeueAfter } from "provider-guard";
import { s3Store, secretsManagerStore, ssmStore } from "provider-guard/aws";
import type { BootstrapStore } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import { bootstrapStoreContract, testBinding } from "../../../support/bootstrap-store-contract.ts";
import { awsError, type StandIn, s3, secretsManager, ssm, standIn } from "./stand-in.ts";

type Options = { readonly prefix?: string; readonly kmsKeyId?: string; readonly endpoint?: string };

/** Each store on its stand-in. */
const stores = {
  "Secrets Manager": [secretsManager, (client, options) => secretsManagerStore({ client, ...options })],
  "Systems Manager": [ssm, (client, options) => ssmStore({ client, ...options })],
  "Systems Manager, advanced": [ssm, (client, options) => ssmStore({ client, tier: "advanced", ...options })],
  S3: [() => s3(), (client, options) => s3Store({ client, bucket: "bootstrap", ...options })],
} satisfies Record<string, [() => StandIn, (client: StandIn["client"], options: Options) => BootstrapStore]>;

const each = Object.entries(stores).map(
  ([title, [service, store]]) =>
    [
      title,
      (options: Options = {}) => {
        const made: StandIn = service();
        return { ...made, store: store(made.client, options) };
      },
    ] as const,
);

for (const [title, make] of each) {
  bootstrapStoreContract(title, async () => {
    const { store, fail } = make();
    return { store, breakDown: () => fail(Object.assign(new Error("no"), { code: "ECONNREFUSED" })) };
  });
}

const canary = "s3cr3t-bootstrap-canary";
const bytes = Buffer.from(canary.repeat(4));

describe.each(each)("the %s store", (_title, make) => {
  const item = (binding = testBinding()) => ({ binding, name: `${binding.id}/0` });

  it("encrypts with the caller's key, under a name of prefix, id and index, and says whose it is", async () => {
    const { store, sent } = make({ prefix: "prod/blue", kmsKeyId: "alias/ours" });
    const { binding, name } = item();
    await store.put(name, bytes, binding);
    const put = sent.at(-1)?.input;
    expect([put.KmsKeyId, put.KeyId, put.SSEKMSKeyId]).toContain("alias/ours");
    expect([put.Name, put.Key]).toContain(`${put.Type === "SecureString" ? "/" : ""}prod/blue/${name}`);
    const told = JSON.stringify(put.Tags ?? put.Metadata);
    for (const part of [binding.machine.managementCluster, binding.machine.machine.uid, binding.id]) {
      expect(told).toContain(`"${part}"`);
    }
    expect(told).toContain(`"${binding.expiresAt / 1000}"`);
    // Those a guard writes itself, and refuses in others' calls.
    expect(told).not.toContain("provider-guard/");
  });

  it("is not written over, and nothing of it is read to know that", async () => {
    const { store, sent } = make();
    const { binding, name } = item();
    await store.put(name, bytes, binding);
    await store.put(name, bytes, binding);
    await expect(store.put(name, randomBytes(20), binding)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    expect(sent.map((command) => command.name).filter((command) => /^Get(?!BucketVersioning)/.test(command))).toEqual(
      [],
    );
  });

  it.each([
    awsError("ThrottlingException", 400, { retryAfterSeconds: 7 }),
    awsError("SlowDown", 503, { retryAfterSeconds: 7 }),
    awsError("InternalServiceError", 500),
    Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
  ])("cannot be reached: %s", async (error) => {
    const { store, fail } = make();
    const { binding, name } = item();
    fail(error);
    const failure = await store.put(name, bytes, binding).catch((thrown) => thrown);
    expect(failure).toMatchObject({ code: "ERR_BOOTSTRAP_STORE_UNAVAILABLE", retryable: true, cause: error });
    if ("retryAfterSeconds" in error) expect(failure.requeueAfterMs).toBe(7000);
    expect(String(failure)).not.toContain(canary);
  });

  it.each(["AccessDeniedException", "ValidationException", "LimitExceededException"])(
    "passes the SDK's own %s on",
    async (code) => {
      const { store, fail } = make();
      const { binding, name } = item();
      const error = awsError(code);
      fail(error);
      for (const operation of [store.put(name, bytes, binding), store.has(name), store.delete(name)]) {
        await expect(operation).rejects.toBe(error);
      }
      expect(isGuardError(error)).toBe(false);
      expect(requeueAfter(error)).not.toBe(requeueAfter(new Error("unknown"))); // read, though by no guard
    },
  );

  it("an abort while a command is on its way rejects with its reason", async () => {
    const { client } = standIn({});
    const hanging = { ...client, send: () => new Promise(() => {}) };
    const made = [
      secretsManagerStore({ client: hanging }),
      ssmStore({ client: hanging }),
      s3Store({ client: hanging, bucket: "bootstrap" }),
    ];
    for (const store of made) {
      const controller = new AbortController();
      const { binding, name } = item();
      const put = store.put(name, bytes, binding, { signal: controller.signal });
      controller.abort(new Error("enough"));
      await expect(put).rejects.toThrow("enough");
    }
  });

  it("tells the machine where, and asks it for IMDSv2's library", async () => {
    const { store } = make({ prefix: "prod/blue", endpoint: "https://vpce-0a1b.example.com" });
    const { binding } = item();
    const part = await store.opener(binding);
    expect(part?.needs).toEqual(["aws"]);
    expect(part?.settings).toMatchObject({
      pg_store_region: "eu-central-1",
      pg_store_items: expect.stringMatching(new RegExp(`^(/bootstrap)?/?prod/blue/${binding.id}$`)),
    });
    expect(Object.values(part?.settings ?? {})).toContain("https://vpce-0a1b.example.com");
  });

  it.each([
    [{ prefix: "/prod" }, "prefix"],
    [{ prefix: "aws/prod" }, "prefix"],
    [{ prefix: "a'b" }, "prefix"],
    [{ endpoint: "https://host/path" }, "endpoint"],
    [{ endpoint: "file:///etc" }, "endpoint"],
    [{ kmsKeyId: "" }, "kmsKeyId"],
    [{ region: "eu central" }, "region"],
    [{ tags: {} }, "tags"],
  ])("refuses %j, naming the option", (wrong, path) => {
    expect(() => make(wrong as never)).toThrow(path);
  });
});

describe("what one store does", () => {
  it("Systems Manager's advanced tier deletes what has expired by itself", async () => {
    const { client, sent } = ssm();
    const store = ssmStore({ client, tier: "advanced" });
    expect([store.expires, ssmStore({ client }).expires]).toEqual([true, false]);
    expect([store.maxItemBytes, ssmStore({ client }).maxItemBytes]).toEqual([6144, 3072]);
    const binding = testBinding();
    await store.put(`${binding.id}/0`, bytes, binding);
    const { Tier, Policies, Type, Overwrite } = sent[0]?.input ?? {};
    expect({ Tier, Type, Overwrite }).toEqual({ Tier: "Advanced", Type: "SecureString", Overwrite: false });
    expect(JSON.parse(Policies)).toEqual([
      { Type: "Expiration", Version: "1.0", Attributes: { Timestamp: new Date(binding.expiresAt).toISOString() } },
    ]);
  });

  it("S3 refuses a bucket that keeps what is deleted, before anything is put, hidden or said to be gone", async () => {
    const { client, sent } = s3("Enabled");
    const store = s3Store({ client, bucket: "bootstrap" });
    const binding = testBinding();
    const name = `${binding.id}/0`;
    const list = async () => {
      for await (const item of store.list({ managementCluster: "mc-1" })) expect(item).toBeUndefined();
    };
    for (const operation of [store.put(name, bytes, binding), store.delete(name), store.has(name), list()]) {
      await expect(operation).rejects.toMatchObject({
        code: "ERR_CONFIG_INVALID",
        message: expect.stringContaining("versioning"),
      });
    }
    expect(new Set(sent.map((command) => command.name))).toEqual(new Set(["GetBucketVersioning"]));
  });

  it("S3 deletes for good in a bucket whose versioning is suspended", async () => {
    const { client } = s3("Suspended");
    const store = s3Store({ client, bucket: "bootstrap" });
    const binding = testBinding();
    const name = `${binding.id}/0`;
    await store.put(name, bytes, binding);
    expect(await store.delete(name)).toBe(true);
    expect(await store.has(name)).toBe(false);
  });

  it("S3 takes an item for put that somebody else is putting at this moment, once it is there", async () => {
    const { client: other, sent } = s3();
    const binding = testBinding();
    const name = `${binding.id}/0`;
    await s3Store({ client: other, bucket: "bootstrap" }).put(name, bytes, binding);
    const { Metadata } = sent.at(-1)?.input ?? {};
    const conflict = awsError("ConditionalRequestConflict", 409);
    let there: object | undefined;
    const { client } = standIn({
      GetBucketVersioning: () => ({}),
      PutObject: () => Promise.reject(conflict),
      HeadObject: () => there ?? Promise.reject(awsError("NotFound", 404)),
    });
    const store = s3Store({ client, bucket: "bootstrap" });
    await expect(store.put(name, bytes, binding)).rejects.toBe(conflict);
    there = { Metadata };
    await store.put(name, bytes, binding);
    await expect(store.put(name, Buffer.from("another"), binding)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
  });

  it("S3 hands Ignition its config by URL, with a KMS key only", () => {
    const { client } = s3();
    const binding = testBinding();
    expect(s3Store({ client, bucket: "bootstrap" }).ignition).toBeUndefined();
    const store = s3Store({ client, bucket: "bootstrap", prefix: "prod", kmsKeyId: "alias/ours" });
    expect(store.ignition?.(binding)).toEqual({ source: `s3://bootstrap/prod/${binding.id}/0` });
  });

  it("Secrets Manager counts a secret that waits for its deletion, as it could be restored", async () => {
    const waiting = { DescribeSecret: () => ({ DeletedDate: new Date() }), DeleteSecret: () => ({}) };
    const { client, sent } = standIn(waiting);
    const store = secretsManagerStore({ client });
    const name = `${testBinding().id}/0`;
    expect(await store.has(name)).toBe(true);
    expect(await store.delete(name)).toBe(true);
    expect(sent.at(-1)?.input).toMatchObject({ ForceDeleteWithoutRecovery: true });
  });

  it("needs a region", async () => {
    const { client } = standIn({}, "");
    const without = { ...client, config: {} };
    await expect(ssmStore({ client: without }).opener(testBinding())).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
    const { settings } = (await ssmStore({ client: without, region: "us-gov-west-1" }).opener(testBinding())) ?? {};
    expect(settings).toMatchObject({ pg_store_region: "us-gov-west-1" });
  });
});
