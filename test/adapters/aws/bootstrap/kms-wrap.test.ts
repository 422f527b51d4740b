import { generateKeyPairSync } from "node:crypto";
import { kmsWrap } from "provider-guard/aws";
import { describe, expect, it } from "vitest";
import { testBinding } from "../../../support/bootstrap-store-contract.ts";
import { awsError, standIn } from "./stand-in.ts";

const keyArn = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-123456789abc";
const binding = testBinding();
const context = {
  "provider-guard-bootstrap-machine": binding.machine.machine.uid,
  "provider-guard-bootstrap-id": binding.id,
  "provider-guard-bootstrap-expires": String(binding.expiresAt / 1000),
};
const key = () =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "der", type: "pkcs8" });

/** KMS that answers with this key. */
const kms = (KeyId: unknown = keyArn, CiphertextBlob: unknown = new Uint8Array(290).fill(7)) =>
  standIn({ Encrypt: () => ({ KeyId, CiphertextBlob }) });

describe("the wrap by AWS KMS", () => {
  it.each([keyArn, keyArn.slice(keyArn.indexOf("/") + 1), "alias/bootstrap"])(
    "encrypts the machine's key with %s, bound to machine, sealing and expiry",
    async (keyId) => {
      const { client, sent } = kms();
      const plain = key();
      const wrap = kmsWrap({ client, keyId, encryptionContext: { cluster: "prod" } });
      const wrapped = await wrap.wrap?.(plain, binding);
      expect(sent).toEqual([
        {
          name: "Encrypt",
          input: { KeyId: keyId, Plaintext: plain, EncryptionContext: { cluster: "prod", ...context } },
        },
      ]);
      expect(wrapped).toBe(`${keyArn},${Buffer.alloc(290, 7).toString("base64")}`);
      expect(wrapped?.length).toBeLessThan(2048);
      expect(wrapped).toMatch(/^[\x21-\x7e]+$/);
    },
  );

  it("tells the machine the same context, and the endpoint", () => {
    const endpoint = "https://vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com";
    const part = kmsWrap({ client: kms().client, keyId: keyArn, endpoint }).opener(binding);
    expect(JSON.parse(part.settings?.pg_kms_context ?? "")).toEqual(context);
    expect(part.settings?.pg_endpoint_kms).toBe(endpoint);
    expect(part.needs).toEqual(["aws"]);
  });

  it.each([keyArn.replace("0a1b", "ffff"), undefined, "", "alias/bootstrap", `${keyArn},x`])(
    "does not take an answer of the key %s",
    async (answered) => {
      const wrap = kmsWrap({ client: kms(answered ?? "").client, keyId: keyArn });
      await expect(wrap.wrap?.(key(), binding)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    },
  );

  it("passes the SDK's errors on, with nothing of the key in them", async () => {
    const { client, fail } = kms();
    const error = awsError("KMSInvalidStateException");
    fail(error);
    const plain = key();
    const thrown = await kmsWrap({ client, keyId: keyArn })
      .wrap?.(plain, binding)
      .catch((failure) => failure);
    expect(thrown).toBe(error);
    expect(JSON.stringify(thrown)).not.toContain(plain.toString("base64"));
  });

  it("heeds its signal", async () => {
    const { client, sent } = kms();
    const reason = new Error("enough");
    const wrap = kmsWrap({ client, keyId: keyArn });
    await expect(wrap.wrap?.(key(), binding, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(sent).toEqual([]);
  });

  it.each([
    [{ client: {} }, "kmsWrap.client"],
    [{ keyId: "" }, "kmsWrap.keyId"],
    [{ endpoint: "vpce" }, "kmsWrap.endpoint"],
    [{ encryptionContext: { "provider-guard-bootstrap-id": "x" } }, "kmsWrap.encryptionContext"],
    [{ encryptionContext: { cluster: 'a"b' } }, "kmsWrap.encryptionContext"],
  ])("refuses %j, naming the option", (wrong, path) => {
    expect(() => kmsWrap({ client: kms().client, keyId: keyArn, ...wrong } as never)).toThrow(path);
  });
});
