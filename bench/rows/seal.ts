import {
  constants,
  createCipheriv,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  sign,
} from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
// What the vault does besides is to call the store and the state: theirs is the time that it takes. All of it is from
// one copy of the library: another copy's signer would be verified each time, as a stranger's is.
import { sealData } from "../../src/bootstrap/seal-data.ts";
import { bootstrapSigner } from "../../src/bootstrap/signer.ts";
import { localKeyWrap } from "../../src/bootstrap/wraps/local-key.ts";
import { output, processPath } from "../child.ts";
import { inTurns, type Row, timed } from "../row.ts";
import { kubeadmData } from "./kubeadm-data.ts";

const ref = (name: string) => ({ namespace: "default", name, uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" });

/** Seals data to the public half of an image's key. */
export function sealerTo(publicKey: KeyObject) {
  const wrap = localKeyWrap({ publicKey, path: "/etc/bench/image.key" });
  const signer = bootstrapSigner();
  const machine = { managementCluster: ref("bench").uid, machine: ref("bench-1"), cluster: ref("bench") };
  const times = { sealedAt: 1_790_000_000_000, expiresAt: 1_790_003_600_000 };
  return (data: Uint8Array) => {
    const id = randomBytes(16).toString("hex");
    const binding = { machine, id, format: "cloud-config", mode: "pointer", ...times } as const;
    return sealData({ data, binding, wrap, signer, maxItemBytes: 65_536, maxItems: 16 });
  };
}

/** The same primitives one after another, without binding, chunks, and a format that openssl reads. */
function byHand(publicKey: KeyObject) {
  const compress = promisify(gzip);
  const { privateKey } = generateKeyPairSync("ed25519");
  return async (data: Uint8Array) => {
    const plain = await compress(data, { level: 1 });
    const key = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    const wrapped = publicEncrypt(
      { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
      key,
    );
    return { sealed, wrapped, signature: sign(null, createHash("sha256").update(sealed).digest(), privateKey) };
  };
}

const inFlight = 16;

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await work();
  };
  return count / ((await timed(() => Promise.all(Array.from({ length: inFlight }, worker)))) / 1000);
}

/** Sealing with a key that lasts, so that no key management service is in the figure. */
export const seal: Row = {
  id: "seal",
  what: "16 KB of kubeadm data sealed to the RSA key of an image, 16 in flight",
  unit: "1/s",
  better: "higher",
  goal: 10_000,
  processes: 5,
  async run() {
    const data = kubeadmData(16_384);
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
    const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
    const [toRsa, toP256, hand] = [sealerTo(rsa), sealerTo(p256), byHand(rsa)];
    const [value = 0, curve = 0, alternative = 0] = await inTurns(7, [
      () => perSecond(5000, () => toRsa(data)),
      () => perSecond(5000, () => toP256(data)),
      () => perSecond(5000, () => hand(data)),
    ]);
    return {
      value,
      alternatives: [
        { name: "sealed to a P-256 key", value: curve },
        { name: "by hand: gzip, createCipheriv, publicEncrypt and sign", value: alternative },
      ],
    };
  },
};

const peak = (who: string, count: number) => async () =>
  (await output(processPath("seal-memory"), ["--expose-gc"], [who, String(count)])) as number;

/** What the largest bootstrap data of any cloud takes while it is sealed. */
export const sealMemory: Row = {
  id: "seal-memory",
  what: "peak of additional resident memory while 512 KB are sealed",
  unit: "MB",
  better: "lower",
  goal: 5,
  missing: () => (process.platform === "linux" ? undefined : "the peak of resident memory is read from /proc"),
  async run() {
    const [value = 0, alternative = 0, many = 0, alternatives = 0] = await inTurns(5, [
      peak("sealed", 1),
      peak("by-hand", 1),
      peak("sealed", 20),
      peak("by-hand", 20),
    ]);
    return {
      value,
      alternatives: [
        { name: "by hand: gzipSync, createCipheriv, base64 in JSON", value: alternative },
        { name: "20 sealed in a row, before any collection of garbage", value: many },
        { name: "20 by hand", value: alternatives },
      ],
    };
  },
};
