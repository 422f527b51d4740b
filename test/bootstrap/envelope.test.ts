import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  ECDH,
  generateKeyPairSync,
  randomBytes,
} from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { element, integer, objectIdentifier, tags } from "../../src/bootstrap/envelope/der.ts";
import { privateKeyInfo } from "../../src/bootstrap/envelope/key-agreement.ts";
import { freshPair } from "../../src/bootstrap/envelope/recipient.ts";
import { sealEnvelope } from "../../src/bootstrap/envelope/seal-envelope.ts";
import { describeWithServer } from "../real/require-server.ts";
import { decrypt, openssl, p256, pkcs8, rsa2048, runOpenssl } from "./sealing.ts";

const kinds = [
  ["P-256", p256],
  ["RSA", rsa2048],
] as const;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Depth, kind and content (where it is short) of each element, as `openssl asn1parse` sees them. */
function outline(der: Uint8Array): string[] {
  const { stdout, status } = runOpenssl((file) => ["asn1parse", "-inform", "DER", "-in", file(der)]);
  expect(status).toBe(0);
  const lines = stdout.toString().trimEnd().split("\n");
  return lines.map((line) => {
    const [, depth = "", length = "", what = ""] = /d=(\d+) +hl=\d+ +l= *(\d+) (?:prim|cons): (.*)/.exec(line) ?? [];
    const [kind = "", value = ""] = what.replace(/\[HEX DUMP\].*/, "").split(/:/);
    const told = value.trim() === "" && !/^(SEQ|SET|cont)/.test(kind) ? ` (${length})` : ` ${value.trim()}`;
    return `${depth} ${kind.trim().replace(/ +/g, " ")}${told}`.trimEnd();
  });
}

const content = [
  "3 SEQUENCE",
  "4 OBJECT pkcs7-data",
  "4 SEQUENCE",
  "5 OBJECT aes-256-gcm",
  "5 SEQUENCE",
  "6 OCTET STRING (12)",
  "6 INTEGER 10",
  "4 cont [ 0 ]",
  "3 OCTET STRING (16)",
];
const beginning = [
  "0 SEQUENCE",
  "1 OBJECT id-smime-ct-authEnvelopedData",
  "1 cont [ 0 ]",
  "2 SEQUENCE",
  "3 INTEGER 00",
  "3 SET",
];

describeWithServer("an envelope, to openssl", openssl, () => {
  it.each(kinds)("gives what was sealed to the %s key", (_name, { publicKey, privateKey }) => {
    for (const bytes of [1, 15, 16, 17, 127, 128, 255, 256, 65_535, 65_536, 1024 ** 2]) {
      const plain = randomBytes(bytes);
      const opened = decrypt(sealEnvelope(plain, publicKey), pkcs8(privateKey));
      expect(opened).toMatchObject({ status: 0, stderr: "" });
      expect(opened.stdout.equals(plain)).toBe(true);
    }
  });

  it.each(kinds)("gives nothing to another %s key", (_name, { publicKey, privateKey }) => {
    const { asymmetricKeyType } = privateKey;
    const other =
      asymmetricKeyType === "rsa"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
        : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    expect(decrypt(sealEnvelope(Buffer.from("secret"), publicKey), pkcs8(other)).status).not.toBe(0);
  });

  it("takes a key whose point is compressed", () => {
    const der = p256.publicKey.export({ format: "der", type: "spki" });
    const point = ECDH.convertKey(der.subarray(-65), "prime256v1", undefined, undefined, "compressed") as Buffer;
    const shorter = Buffer.concat([der.subarray(0, -66), Buffer.of(0), point]); // lengths: 32 bytes less
    shorter[1] = (shorter[1] as number) - 32;
    shorter[24] = (shorter[24] as number) - 32;
    const publicKey = createPublicKey({ key: shorter, format: "der", type: "spki" });
    const opened = decrypt(sealEnvelope(Buffer.from("secret"), publicKey), pkcs8(p256.privateKey));
    expect(opened.stdout.toString()).toBe("secret");
  });

  it("takes an RSA key of 4096 bits", () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 4096 });
    const opened = decrypt(sealEnvelope(Buffer.from("secret"), publicKey), pkcs8(privateKey));
    expect(opened.stdout.toString()).toBe("secret");
  });

  // Bits that openssl does not read are few, and what comes out is then what was sealed.
  it.each(kinds)("fails with any bit flipped, or says what was sealed (%s)", (_name, { publicKey, privateKey }) => {
    const envelope = sealEnvelope(Buffer.from("what was sealed"), publicKey);
    const unread: number[] = [];
    for (let bit = 0; bit < envelope.length * 8; bit += 37) {
      const flipped = Buffer.from(envelope);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      const { status, stdout } = decrypt(flipped, pkcs8(privateKey));
      if (status !== 0) continue;
      expect(stdout.toString()).toBe("what was sealed");
      unread.push(bit >> 3);
    }
    expect(unread.filter((at) => at > envelope.length - 60)).toEqual([]); // nonce, ciphertext and tag are all read
    expect(unread.length).toBeLessThan((envelope.length * 8) / 37 / 3);
  });

  it("is a key agreement with an ephemeral key for P-256", () => {
    const envelope = sealEnvelope(Buffer.from("x"), p256.publicKey);
    expect(outline(envelope)).toEqual([
      ...beginning,
      "4 cont [ 1 ]",
      "5 INTEGER 03",
      "5 cont [ 0 ]",
      "6 cont [ 1 ]",
      "7 SEQUENCE",
      "8 OBJECT id-ecPublicKey",
      "7 BIT STRING (66)",
      "5 SEQUENCE",
      "6 OBJECT dhSinglePass-stdDH-sha256kdf-scheme",
      "6 SEQUENCE",
      "7 OBJECT id-aes256-wrap",
      "5 SEQUENCE",
      "6 SEQUENCE",
      "7 cont [ 0 ]",
      "8 OCTET STRING (20)",
      "7 OCTET STRING (40)",
      ...content,
    ]);
    const point = p256.publicKey.export({ format: "der", type: "spki" }).subarray(-65);
    expect(hex(envelope)).toContain(`0414${createHash("sha1").update(point).digest("hex")}`);
  });

  it("is a key transport by OAEP with SHA-256 for RSA", () => {
    expect(outline(sealEnvelope(Buffer.from("x"), rsa2048.publicKey))).toEqual([
      ...beginning,
      "4 SEQUENCE",
      "5 INTEGER 02",
      "5 cont [ 0 ]",
      "5 SEQUENCE",
      "6 OBJECT rsaesOaep",
      "6 SEQUENCE",
      "7 cont [ 0 ]",
      "8 SEQUENCE",
      "9 OBJECT sha256",
      "7 cont [ 1 ]",
      "8 SEQUENCE",
      "9 OBJECT mgf1",
      "9 SEQUENCE",
      "10 OBJECT sha256",
      "5 OCTET STRING (256)",
      ...content,
    ]);
  });

  it("is understood in whole by the CMS printer", () => {
    for (const [, { publicKey }] of kinds) {
      const envelope = sealEnvelope(randomBytes(70_000), publicKey);
      const printed = runOpenssl((file) => [
        "cms",
        "-cmsout",
        "-print",
        "-noout",
        "-inform",
        "DER",
        "-in",
        file(envelope),
      ]);
      expect(printed).toMatchObject({ status: 0, stderr: "" });
      expect(printed.stdout.toString()).toMatch(/d.authEnvelopedData:[\s\S]*mac:/);
      const again = runOpenssl((file) => [
        "cms",
        "-cmsout",
        "-inform",
        "DER",
        "-outform",
        "DER",
        "-in",
        file(envelope),
      ]);
      expect(again.stdout.equals(envelope)).toBe(true); // it is DER: there is one way to write it
    }
  });
});

describe("an envelope", () => {
  it("never holds the same twice", () => {
    const plain = Buffer.alloc(64, "same");
    const [one, other] = [sealEnvelope(plain, p256.publicKey), sealEnvelope(plain, p256.publicKey)];
    for (let at = one.length - 80; at + 8 <= one.length; at += 8) {
      expect(hex(one.subarray(at, at + 8))).not.toBe(hex(other.subarray(at, at + 8)));
    }
  });

  it("does not change what it seals", () => {
    const plain = Buffer.from("plain");
    sealEnvelope(plain, p256.publicKey);
    expect(plain.toString()).toBe("plain");
  });

  it.each([
    ["a private key", p256.privateKey, "got a private key"],
    ["RSA of 1024 bits", generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey, "got rsa of 1024 bits"],
    ["another curve", generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey, "got ec secp384r1"],
    ["an Ed25519 key", generateKeyPairSync("ed25519").publicKey, "got ed25519"],
    ["RSA-PSS", generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey, "got rsa-pss of 2048 bits"],
  ])("is not sealed to %s", (_name, key, told) => {
    expect(() => sealEnvelope(Buffer.from("x"), key)).toThrowError(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(told) }),
    );
  });
});

describe("DER", () => {
  it("has lengths in as few bytes as they take", () => {
    const first = (length: number) =>
      hex(Buffer.concat(element(tags.octetString, [new Uint8Array(length)])).subarray(0, 6));
    expect(first(0)).toBe("0400");
    expect(first(127)).toBe("047f00000000");
    expect(first(128)).toBe("048180000000");
    expect(first(255)).toBe("0481ff000000");
    expect(first(256)).toBe("048201000000");
    expect(first(65_535)).toBe("0482ffff0000");
    expect(first(65_536)).toBe("048301000000");
    expect(first(2 ** 24)).toBe("048401000000");
  });

  it("has object identifiers with arcs of any length", () => {
    expect(hex(Buffer.concat(objectIdentifier("1.2.840.113549.1.9.16.1.23")))).toBe("060b2a864886f70d0109100117");
    expect(hex(Buffer.concat(integer(16)))).toBe("020110");
  });

  it("holds a private key whose number begins with zeros", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 0, max: 27 }), (number, more) => {
        const secret = Buffer.alloc(4 + more, 0x5a);
        secret.writeUInt32BE(number);
        const pair = createECDH("prime256v1");
        pair.setPrivateKey(secret);
        const short = pair.getPrivateKey();
        expect(privateKeyInfo(short, pair.getPublicKey())).toHaveLength(138);
        const key = createPrivateKey({
          key: Buffer.from(privateKeyInfo(short, pair.getPublicKey())),
          format: "der",
          type: "pkcs8",
        });
        expect(Buffer.from(key.export({ format: "jwk" }).d as string, "base64url").toString("hex")).toBe(
          secret.toString("hex").padStart(64, "0"),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("of a fresh key is what Node would have written", () => {
    const { privateKey } = freshPair();
    const key = createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" });
    expect(hex(key.export({ format: "der", type: "pkcs8" }))).toBe(hex(privateKey));
    expect(privateKey.buffer.byteLength).toBe(privateKey.length); // nothing of anybody else's around it
  });
});
