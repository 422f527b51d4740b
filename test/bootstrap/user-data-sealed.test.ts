import { createHash, randomBytes } from "node:crypto";
import { deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { findSecrets } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import type { KeyWrap, OpenerPart } from "../../src/bootstrap/contract.ts";
import { cloudInitUserData } from "../../src/bootstrap/opener/cloud-init/user-data.ts";
import { composeOpener, stageOpener } from "../../src/bootstrap/opener/compose.ts";
import { ignitionUserData } from "../../src/bootstrap/opener/ignition.ts";
import { scriptUserData } from "../../src/bootstrap/opener/script-user-data.ts";
import { sealData } from "../../src/bootstrap/seal-data.ts";
import { httpOpener } from "../../src/bootstrap/stores/http/opener.ts";
import { binding, localWrap, p256, rsa2048, signer } from "./sealing.ts";
import { joinToken, pemKey } from "./user-data-secrets.ts";

const kms: KeyWrap = {
  name: "aws-kms",
  wrap: async () => randomBytes(348).toString("base64"),
  opener: () => ({
    script: "pg_unwrap() {\n  pg_aws kms TrentService.Decrypt\n}\n",
    needs: ["aws"],
    settings: { pg_kms_region: "eu-west-1", pg_kms_key: "arn:aws:kms:eu-west-1:123456789012:key/1234abcd" },
  }),
};
const wraps = { "a local key": localWrap(p256), "a local RSA key": localWrap(rsa2048), "a service": kms };
const plain = `#cloud-config\nwrite_files:\n  - path: /etc/kubernetes/pki/ca.key\n    content: |\n      ${pemKey.replaceAll("\n", "\n      ")}\n# ${joinToken()}\n`;

async function made(wrap: KeyWrap, store: OpenerPart | undefined) {
  const limits = { maxItemBytes: 65_536, maxItems: 1 };
  const sealed = await sealData({ data: plain, binding, wrap, signer, ...limits });
  const options = { sealed, wrap: wrap.opener(binding), cloudInit: true };
  if (store === undefined) return { sealed, opener: composeOpener({ ...options, store }), inline: sealed.chunks[0] };
  return { sealed, opener: stageOpener({ ...options, store }, 65_536).opener, inline: undefined };
}

const store = () =>
  httpOpener("https://boot.example.org/v1/00112233", randomBytes(32).toString("base64url"), undefined);
const writers = { cloudInitUserData, scriptUserData };
const cases = Object.keys(wraps).flatMap((wrap) =>
  Object.keys(writers).flatMap((writer) => [[wrap, writer, "inline"] as const, [wrap, writer, "pointer"] as const]),
);

describe("what the library seals passes", () => {
  it.each(cases)("by %s, %s, %s", async (wrap, writer, mode) => {
    const { opener, inline } = await made(wraps[wrap as keyof typeof wraps], mode === "pointer" ? store() : undefined);
    const userData = writers[writer as keyof typeof writers](opener, inline);
    expect(findSecrets(userData)).toEqual([]);
    expect(findSecrets(Buffer.from(userData).toString("base64"))).toEqual([]);
    expect(findSecrets(gzipSync(userData))).toEqual([]);
  });

  it("for Ignition, with a header that opens the source", () => {
    const source = {
      source: "https://boot.example.org/v1/00112233445566778899aabbccddeeff/0",
      httpHeaders: [{ name: "Authorization", value: `Bearer ${randomBytes(32).toString("base64url")}` }],
    };
    const sha512 = randomBytes(64).toString("hex");
    expect(findSecrets(ignitionUserData({ source, sha512, compressed: true }))).toEqual([]);
  });
});

/** Looks random, and is the same in every run: of truly random strings some do not look so. */
const noise = (bytes: number) => createHash("shake256", { outputLength: bytes }).update("noise").digest("base64url");
const kinds = (data: string | Uint8Array) => findSecrets(data).map(({ kind }) => kind);

describe("beside what is sealed", () => {
  const text = (userData: Uint8Array) => Buffer.from(userData[0] === 0x1f ? gunzipSync(userData) : userData).toString();

  it("another secret is found, in the opener and in a part", async () => {
    const { opener, inline } = await made(kms, undefined);
    const token = joinToken();
    expect(kinds(scriptUserData(`${opener}# ${token}\n`, inline))).toEqual(["kubeadm-token"]);
    expect(
      kinds(scriptUserData(opener.replace("pg_kms_region=", `PASSWORD='Tr0ub4dor'\npg_kms_region=`), inline)),
    ).toEqual(["password"]);
    expect(kinds(`${text(cloudInitUserData(opener, inline))}# kubeadm join --token ${token}\n`)).toEqual([
      "kubeadm-token",
    ]);
  });

  it("another secret is found in an opener whose manifest is in the store", async () => {
    const { opener, sealed } = await made(kms, store());
    const secret = noise(32);
    const writes = [scriptUserData, cloudInitUserData];
    for (const write of writes) {
      expect(kinds(write(opener))).toEqual([]);
      expect(kinds(write(`${opener}# ${joinToken()}\n`))).toEqual(["kubeadm-token"]);
      expect(kinds(write(`${opener}# ${secret}\n`))).toEqual(["high-entropy"]);
      expect(kinds(write(opener.replace("pg_store_url=", `PASSWORD='Tr0ub4dor'\npg_store_url=`)))).toEqual([
        "password",
      ]);
    }
    // Half of it is none, and neither is one whose key is not wrapped.
    expect(kinds(opener.slice(0, opener.indexOf("pg_program=")))).toContain("high-entropy");
    const key = p256.privateKey.export({ type: "pkcs8", format: "der" }).toString("base64");
    const unwrapped = opener.replace(sealed.wrapped, key);
    expect(unwrapped).not.toBe(opener);
    expect(kinds(unwrapped)).toContain("private-key");
  });

  it("a chunk that the manifest does not name is not known", async () => {
    const [one, other] = [await made(kms, undefined), await made(kms, undefined)];
    expect(kinds(scriptUserData(one.opener, other.inline))).toEqual(["high-entropy"]);
    expect(kinds(cloudInitUserData(one.opener, other.inline))).toEqual(["high-entropy"]);
  });

  it("nothing is known by a manifest whose signature is wrong", async () => {
    const { opener, inline, sealed } = await made(kms, undefined);
    const changed = opener.replace("expires 1790003600", "expires 1790003601");
    expect(changed).not.toBe(opener);
    expect(kinds(scriptUserData(changed, inline))).toContain("high-entropy");
    const foreign = opener.replace(sealed.signature, randomBytes(64).toString("base64"));
    expect(kinds(scriptUserData(foreign, inline))).toContain("high-entropy");
  });

  it("plain data is not known though a right manifest holds its digest", async () => {
    const { opener } = await made(localWrap(p256), undefined);
    expect(kinds(scriptUserData(opener, Buffer.from(plain)))).toContain("private-key");
  });
});

describe("an opener's first stage, which no signature vouches for, hides no secret", () => {
  const base64 = (data: string | Uint8Array) => Buffer.from(data).toString("base64");
  const token = joinToken();
  const der = p256.privateKey.export({ type: "pkcs8", format: "der" });
  const ciphertext = noise(166);
  const forms = {
    "a join token": [token, "kubeadm-token"],
    "a join token in base64": [base64(token), "kubeadm-token"],
    "a join token in gzip and base64": [base64(gzipSync(token)), "kubeadm-token"],
    "a join token as a data URL": [`data:,token%3A${token.replace(".", "%2E")}`, "kubeadm-token"],
    "a PEM in base64": [base64(pemKey), "private-key"],
    "a PEM in URL-safe base64": [Buffer.from(pemKey).toString("base64url"), "private-key"],
    "a PEM in base64, twice": [base64(base64(pemKey)), "private-key"],
    "a PEM in gzip and base64": [base64(gzipSync(pemKey)), "private-key"],
    "a PEM in zlib and base64": [base64(deflateSync(pemKey)), "private-key"],
    "a PEM in UTF-16 and base64": [base64(Buffer.from(pemKey, "utf16le")), "private-key"],
    "a key in DER": [base64(der), "private-key"],
    "cloud-config in base64": [base64("#cloud-config\nchpasswd:\n  list: |\n    root:hunter22\n"), "password"],
    "a named password": ["password=Tr0ub4dor", "password"],
  } as const;

  it.each(Object.entries(forms))("%s for the wrapped key, or beside it", async (_, [secret, kind]) => {
    const { opener, sealed } = await made(kms, store());
    for (const wrapped of [secret, `${secret},${ciphertext}`, `${ciphertext}:${secret}`]) {
      const smuggled = opener.replace(sealed.wrapped, () => wrapped);
      expect(smuggled).not.toBe(opener);
      for (const data of [smuggled, scriptUserData(smuggled), cloudInitUserData(smuggled), base64(smuggled)]) {
        expect(kinds(data)).toContain(kind);
      }
    }
  });

  it.each(Object.entries(forms))("%s for the store's token, or in another setting", async (_, [secret, kind]) => {
    const { opener } = await made(kms, store());
    for (const name of ["pg_store_token", "pg_store_url"]) {
      const smuggled = opener.replace(new RegExp(`^${name}='.*'$`, "m"), () => `${name}='${secret}'`);
      expect(smuggled).not.toBe(opener);
      expect(kinds(scriptUserData(smuggled))).not.toEqual([]);
    }
    const other = opener.replace("pg_program=", () => `pg_other='${secret}'\npg_program=`);
    expect(kinds(scriptUserData(other))).toContain(kind);
  });

  it.each([18, 24, 31, 33, 48, 64, 127])("a password of %i random bytes", async (bytes) => {
    const { opener, sealed } = await made(kms, store());
    expect(kinds(opener.replace(sealed.wrapped, noise(bytes)))).toEqual(["high-entropy"]);
    expect(kinds(opener.replace(/^pg_store_token='.*'$/m, `pg_store_token='${noise(bytes)}'`))).not.toEqual([]);
    expect(kinds(opener.replace("pg_program=", `pg_other='${noise(bytes)}'\npg_program=`))).toEqual(["high-entropy"]);
  });

  it("a token that stands there twice, or behind the stage's own values", async () => {
    const { opener } = await made(kms, store());
    const again = `pg_store_token='${noise(32)}'\n`;
    expect(kinds(opener.replace("pg_program=", `${again}pg_program=`))).not.toEqual([]);
    expect(kinds(`${opener}${again}`)).not.toEqual([]);
    const [stage = ""] = /^pg_id=[\s\S]*?^pg_needs=.*\n/m.exec(opener) ?? [];
    expect(kinds(`${opener}${stage.replace(/^pg_store_token=.*\n/m, "")}`)).toEqual(["high-entropy"]);
  });

  it("but for what nobody can tell from a wrapped key or a token of the library", async () => {
    const { opener, sealed } = await made(kms, store());
    expect(kinds(opener.replace(sealed.wrapped, noise(128)))).toEqual([]);
    expect(kinds(opener.replace(/^pg_store_token='.*'$/m, `pg_store_token='${noise(32)}'`))).toEqual([]);
  });
});
