import { createHash, randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import type { KeyWrap } from "../../src/bootstrap/contract.ts";
import { readManifest } from "../../src/bootstrap/manifest.ts";
import { type SealDataOptions, sealData } from "../../src/bootstrap/seal-data.ts";
import { describeWithServer } from "../real/require-server.ts";
import { binding, decrypt, envelopeOf, localWrap, openssl, p256, pkcs8, rsa2048, signer } from "./sealing.ts";

const options = (more: Partial<SealDataOptions> = {}): SealDataOptions => ({
  data: "#cloud-config\n",
  binding,
  wrap: localWrap(p256),
  signer,
  maxItemBytes: 65_536,
  maxItems: 64,
  ...more,
});

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

describeWithServer("what a machine gets out of sealed data", openssl, () => {
  const sizes = [1, 31, 1000, 16_384, 65_536, 65_537, 300_000, 1024 ** 2];
  it.each(sizes)("is %i bytes that were sealed, by either kind of key", async (bytes) => {
    const data = randomBytes(bytes);
    for (const pair of [p256, rsa2048]) {
      const sealed = await sealData(options({ data, wrap: localWrap(pair) }));
      const opened = decrypt(envelopeOf(sealed), pkcs8(pair.privateKey));
      expect(opened).toMatchObject({ status: 0, stderr: "" });
      const { plain, key } = readManifest(sealed.manifest);
      expect(plain).toEqual({
        sha256: sha256(opened.stdout),
        bytes: opened.stdout.length,
        unzippedBytes: bytes,
      });
      expect(gunzipSync(opened.stdout).equals(data)).toBe(true);
      expect(key).toEqual({ wrap: "local-key", sha256: sha256("") });
    }
  });

  it("comes from a key of its own where the wrap wraps, in DER", async () => {
    let key = Buffer.alloc(0);
    const wrap: KeyWrap = {
      name: "copying",
      wrap: async (given) => {
        key = Buffer.from(given);
        return "wrapped";
      },
      opener: () => ({ script: "" }),
    };
    const sealed = await sealData(options({ wrap }));
    expect(gunzipSync(decrypt(envelopeOf(sealed), key).stdout).toString()).toBe("#cloud-config\n");
    expect(sealed.wrapped).toBe("wrapped");
    expect(readManifest(sealed.manifest).key).toEqual({ wrap: "copying", sha256: sha256("wrapped") });
  });
});
