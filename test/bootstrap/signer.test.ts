import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { type BootstrapSigner, bootstrapSigner } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import { signManifest } from "../../src/bootstrap/signer.ts";
import { describeWithServer } from "../real/require-server.ts";
import { openssl, p256, runOpenssl, signer } from "./sealing.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const pem = privateKey.export({ format: "pem", type: "pkcs8" }) as string;
const spki = publicKey.export({ format: "pem", type: "spki" }) as string;
const text = "provider-guard bootstrap data 1\n";

/** A signer as a service would be, that keeps the key for itself. */
const service = (by: (bytes: Uint8Array) => Uint8Array, publicKey = spki): BootstrapSigner => ({
  publicKey,
  sign: async (bytes) => by(bytes),
});

describe("a signer", () => {
  it.each([
    ["PEM", pem],
    ["a key object", privateKey],
  ])("signs with a private key from %s", async (_name, given) => {
    const made = bootstrapSigner({ privateKey: given });
    expect(made.publicKey).toBe(spki);
    expect(verify(null, Buffer.from(text), publicKey, await made.sign(Buffer.from(text)))).toBe(true);
  });

  it("has a key of its own where none is given", async () => {
    const made = bootstrapSigner();
    expect(made.publicKey).not.toBe(bootstrapSigner().publicKey);
    expect(verify(null, Buffer.from(text), createPublicKey(made.publicKey), await made.sign(Buffer.from(text)))).toBe(
      true,
    );
  });

  it.each([
    ["a public key", publicKey],
    ["a public key in PEM", spki],
    ["another kind of key", p256.privateKey],
    ["another kind of key in PEM", p256.privateKey.export({ format: "pem", type: "pkcs8" }) as string],
    [
      "an encrypted key",
      privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" }) as string,
    ],
    ["something else", "secret text"],
    ["nothing", ""],
    ["a number", 1 as unknown as string],
  ])("refuses %s, and shows nothing of it", (_name, given) => {
    const text = typeof given === "string" ? given : "";
    let error: unknown;
    try {
      bootstrapSigner({ privateKey: given });
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringMatching(/^bootstrapSigner\.privateKey: /),
    });
    expect((error as Error).cause).toBeUndefined();
    for (const line of text.split("\n").filter(({ length }) => length > 8))
      expect((error as Error).message).not.toContain(line);
  });

  it("refuses options that it does not know", () => {
    expect(() => bootstrapSigner({ key: pem } as object)).toThrowError(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID" }),
    );
  });
});

describe("the signature of a manifest", () => {
  it("may come from a service that keeps the key", async () => {
    const signature = await signManifest(
      service((bytes) => sign(null, bytes, privateKey)),
      text,
      undefined,
    );
    expect(verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64"))).toBe(true);
  });

  it.each([
    ["of another text", service(() => sign(null, Buffer.from("other"), privateKey))],
    ["by another key", service((bytes) => sign(null, bytes, generateKeyPairSync("ed25519").privateKey))],
    ["cut off", service((bytes) => sign(null, bytes, privateKey).subarray(1))],
    ["none", service(() => undefined as unknown as Uint8Array)],
    ["for a public key that is none", service((bytes) => sign(null, bytes, privateKey), "no key")],
    [
      "of another algorithm",
      service(
        (bytes) => sign("sha256", bytes, p256.privateKey),
        p256.publicKey.export({ format: "pem", type: "spki" }) as string,
      ),
    ],
  ])("is refused where a service's is %s", async (_name, given) => {
    await expect(signManifest(given, text, undefined)).rejects.toMatchObject({ code: "ERR_BOOTSTRAP_INVALID" });
  });

  it("is not waited for once the signal aborts, and the service is told", async () => {
    const controller = new AbortController();
    let told: AbortSignal | undefined;
    const hanging: BootstrapSigner = {
      publicKey: spki,
      sign: (_bytes, options) => {
        told = options?.signal;
        return new Promise(() => {});
      },
    };
    const waiting = signManifest(hanging, text, controller.signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(told?.aborted).toBe(true);
  });
});

describeWithServer("the signature of a manifest, to openssl", openssl, () => {
  it("verifies, and does not for another text", async () => {
    const signature = Buffer.from(await signManifest(signer, text, undefined), "base64");
    const verifies = (manifest: string) =>
      runOpenssl((file) => [
        ...["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", file(signer.publicKey)],
        ...["-in", file(manifest), "-sigfile", file(signature)],
      ]).status === 0;
    expect(verifies(text)).toBe(true);
    expect(verifies(`${text}\n`)).toBe(false);
  });
});
