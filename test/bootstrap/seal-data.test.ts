import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Binding, KeyWrap } from "../../src/bootstrap/contract.ts";
import { readManifest } from "../../src/bootstrap/manifest.ts";
import { type SealDataOptions, sealData } from "../../src/bootstrap/seal-data.ts";
import type { SealedData } from "../../src/bootstrap/sealed-data.ts";
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

/** A wrap that remembers the key's bytes, as they are and as they were. */
function wrapping(answer: (signal: AbortSignal | undefined) => Promise<string> = async () => "wrapped") {
  const seen: { key?: Uint8Array; before?: string; binding?: Binding } = {};
  const wrap: KeyWrap = {
    name: "remembering",
    wrap: (key, binding, options) => {
      Object.assign(seen, { key, before: Buffer.from(key).toString("hex"), binding });
      return answer(options?.signal);
    },
    opener: () => ({ script: "" }),
  };
  return { wrap, seen };
}
const isOverwritten = (key: Uint8Array | undefined) => key?.length === 138 && key.every((byte) => byte === 0);

describe("sealing", () => {
  it("leaves the caller's data alone, and takes it as it was at the call", async () => {
    const data = Buffer.from("what was given");
    const sealing = sealData(options({ data, wrap: localWrap(rsa2048) }));
    expect(data.toString()).toBe("what was given");
    const { plain } = readManifest((await sealing).manifest);
    expect(plain.unzippedBytes).toBe(14);
    expect(data.toString()).toBe("what was given");
    const again = sealData(options({ data }));
    data.fill("x");
    expect(readManifest((await again).manifest).plain.sha256).toBe(plain.sha256);
    expect(readManifest((await sealData(options({ data }))).manifest).plain.sha256).not.toBe(plain.sha256);
  });

  it("gives each of many its own, whatever their levels", async () => {
    const all = Array.from({ length: 60 }, (_, index) => `data of machine ${index} `.repeat(index + 1));
    const sealed = await Promise.all(
      all.map((data, index) => sealData(options({ data, level: index < 30 ? 1 : 5, wrap: localWrap(rsa2048) }))),
    );
    for (const [index, data] of all.entries()) {
      const { plain } = readManifest((sealed[index] as SealedData).manifest);
      expect(plain).toMatchObject({
        sha256: sha256(gzipSync(data, { level: index < 30 ? 1 : 5 })),
        unzippedBytes: data.length,
      });
    }
  });

  it("takes text as UTF-8", async () => {
    const { manifest } = await sealData(options({ data: "ä€😀" }));
    expect(readManifest(manifest).plain.unzippedBytes).toBe(9);
  });

  it("makes a signed manifest of what it was given", async () => {
    const sealed = await sealData(options({ data: randomBytes(5000), maxItemBytes: 1000 }));
    expect(sealed.chunks).toHaveLength(6);
    expect(readManifest(sealed.manifest)).toMatchObject({
      binding,
      cipher: { count: 6, sha256: sha256(sealed.chunks[0] as Uint8Array) },
    });
    expect(sealed).toMatchObject({ binding, signer: signer.publicKey, wrapped: "" });
    expect(envelopeOf(sealed).length).toBeGreaterThan(5000);
  });

  it("compresses best what the user data holds", async () => {
    const data = Array.from({ length: 400 }, (_, index) => `line ${index * 7919} of a config\n`).join("");
    const bytes = async (more: Partial<SealDataOptions>) =>
      readManifest((await sealData(options({ data, ...more }))).manifest).plain.bytes;
    const [inline, pointer, best] = [
      await bytes({ binding: { ...binding, mode: "inline" } }),
      await bytes({}),
      await bytes({ level: 9 }),
    ];
    expect(inline).toBe(best);
    expect(inline).toBeLessThan(pointer);
  });
});

describe("the key that was made for one machine", () => {
  it("is another one each time, and overwritten once it is wrapped", async () => {
    const one = wrapping();
    const other = wrapping();
    await sealData(options({ wrap: one.wrap }));
    await sealData(options({ wrap: other.wrap }));
    expect(one.seen.before).not.toBe(other.seen.before);
    expect(one.seen.binding).toEqual(binding);
    expect([isOverwritten(one.seen.key), isOverwritten(other.seen.key)]).toEqual([true, true]);
    expect(one.seen.before).toMatch(/^30818702/);
  });

  it("is overwritten where the wrap fails, whose error comes through", async () => {
    const failure = Object.assign(new Error("denied"), { name: "AccessDeniedException" });
    for (const fail of [
      () => Promise.reject(failure),
      () => {
        throw failure;
      },
    ]) {
      const { wrap, seen } = wrapping(fail);
      await expect(sealData(options({ wrap }))).rejects.toBe(failure);
      expect(isOverwritten(seen.key)).toBe(true);
    }
  });

  it("is overwritten when a wrap that was not waited for is done at last", async () => {
    const controller = new AbortController();
    let release = (_text: string) => {};
    let told: AbortSignal | undefined;
    const { wrap, seen } = wrapping((signal) => {
      told = signal;
      return new Promise((resolve) => {
        release = resolve;
      });
    });
    const sealing = sealData(options({ wrap, signal: controller.signal }));
    sealing.catch(() => {});
    await expect.poll(() => seen.key !== undefined).toBe(true);
    controller.abort(new Error("enough"));
    await expect(sealing).rejects.toThrow("enough");
    expect(told?.aborted).toBe(true);
    expect(isOverwritten(seen.key)).toBe(false); // it may still be read
    release("wrapped");
    await expect.poll(() => isOverwritten(seen.key)).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["2049 characters", "x".repeat(2049)],
    ["a line feed", "two\nlines"],
    ["a space", "two words"],
    ["another alphabet", "schlüssel"],
    ["no text", 7 as unknown as string],
    ["no answer", undefined as unknown as string],
  ])("is not sealed to where the wrap makes %s of it", async (_name, text) => {
    const { wrap, seen } = wrapping(async () => text);
    await expect(sealData(options({ wrap }))).rejects.toMatchObject({
      code: "ERR_BOOTSTRAP_IMPOSSIBLE",
      message: expect.stringMatching(/^wrap remembering: /),
    });
    expect(isOverwritten(seen.key)).toBe(true);
  });

  it("takes 2048 characters of user data at most", async () => {
    const { wrap } = wrapping(async () => "x".repeat(2048));
    expect((await sealData(options({ wrap }))).wrapped).toHaveLength(2048);
  });

  it("is not even shown to the wrap where the data does not fit", async () => {
    const { wrap, seen } = wrapping();
    const tooLarge = options({ wrap, data: randomBytes(10_000), maxItemBytes: 4096, maxItems: 2 });
    await expect(sealData(tooLarge)).rejects.toMatchObject({ code: "ERR_BOOTSTRAP_IMPOSSIBLE" });
    expect(seen.key).toBeUndefined();
  });
});

describe("sealing is refused", () => {
  const unfit = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey;
  const opener = () => ({ script: "" });
  const mistakes: readonly (readonly [string, Partial<Record<keyof SealDataOptions, unknown>>])[] = [
    ["data", { data: "" }],
    ["data", { data: new Uint8Array(0) }],
    ["data", { data: new Uint8Array(1024 ** 2 + 1) }],
    ["data", { data: "é".repeat(1024 ** 2 / 2 + 1) }],
    ["data", { data: undefined }],
    ["data", { data: [1, 2] }],
    ["data", { data: { length: 3 } }],
    ["binding", { binding: undefined }],
    [
      "binding.machine.machine.name",
      { binding: { ...binding, machine: { ...binding.machine, machine: { namespace: "a", name: "b c", uid: "d" } } } },
    ],
    ["binding.machine.managementCluster", { binding: { ...binding, machine: undefined } }],
    ["binding.id", { binding: { ...binding, id: "../../../../etc/passwd" } }],
    ["binding.mode", { binding: { ...binding, mode: "plain" } }],
    ["binding.expiresAt", { binding: { ...binding, expiresAt: binding.sealedAt } }],
    ["wrap.name", { wrap: { opener } }],
    ["wrap.name", { wrap: undefined }],
    ["wrap.name", { wrap: { name: "two words", wrap: async () => "x", opener } }],
    ["wrap.recipient", { wrap: { name: "x", recipient: unfit, opener } }],
    ["wrap.recipient", { wrap: { name: "x", recipient: "PEM", opener } }],
    ["wrap", { wrap: { name: "x", opener } }],
    ["wrap", { wrap: { name: "x", recipient: p256.publicKey, wrap: async () => "x", opener } }],
    ["wrap", { wrap: { name: "x", wrap: "text", opener } }],
    ["signer", { signer: undefined }],
    ["signer", { signer: { sign: async () => new Uint8Array(64) } }],
    ["maxItemBytes", { maxItemBytes: 255 }],
    ["maxItemBytes", { maxItemBytes: Number.NaN }],
    ["maxItemBytes", { maxItemBytes: "4096" }],
    ["maxItems", { maxItems: 0 }],
    ["maxItems", { maxItems: 1.5 }],
    ["level", { level: 0 }],
    ["level", { level: 10 }],
  ];

  it.each(mistakes)("for its %s (%#), and of several mistakes the first is told", async (path, mistake) => {
    const refusal = { code: "ERR_CONFIG_INVALID", message: expect.stringMatching(`^sealData\\.${path}: `) };
    await expect(sealData(options(mistake as Partial<SealDataOptions>))).rejects.toMatchObject(refusal);
    const later = mistakes.filter(([other]) => rank(other) > rank(path)).map(([, more]) => more);
    const all = Object.assign({}, ...later, mistake) as Partial<SealDataOptions>;
    await expect(sealData(options(all))).rejects.toMatchObject(refusal);
  });

  const order = ["data", "binding", "wrap", "signer", "maxItemBytes", "maxItems", "level"];
  const rank = (path: string) => order.indexOf(path.split(".")[0] as string);

  it("where the signal has aborted, and nothing is asked of anybody", async () => {
    const { wrap, seen } = wrapping();
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(sealData(options({ wrap, signal }))).rejects.toThrow("too late");
    expect(seen.key).toBeUndefined();
  });

  it("as soon as the signal aborts, however many wait to be compressed", async () => {
    const controller = new AbortController();
    const data = randomBytes(1024 ** 2);
    const many = Array.from({ length: 12 }, () => sealData(options({ data, signal: controller.signal })));
    const other = sealData(options({ data }));
    controller.abort(new Error("enough"));
    for (const result of await Promise.allSettled(many)) {
      expect(result).toMatchObject({ status: "rejected", reason: { message: "enough" } });
    }
    expect(readManifest((await other).manifest).plain.unzippedBytes).toBe(data.length);
  });
});
