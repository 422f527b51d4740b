import { generateKeyPairSync, sign } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/audit/checkpoint/checkpoint-note.ts";
import { environmentKey, fileKey, signer } from "../../../src/audit/checkpoint/keys.ts";
import { openNote, signatureLineOf } from "../../../src/audit/checkpoint/note.ts";
import { generateKey } from "../../../src/audit/checkpoint/private-key.ts";
import { parseVerifierKey } from "../../../src/audit/checkpoint/verifier-key.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { cleanup, failure, temporaryDirectory } from "../support.ts";
import { mutate } from "./mutate.ts";

const keys = (...texts: readonly string[]) => texts.map((text) => parseVerifierKey(text, "keys"));
const aborted = new AbortController().signal;

// C2SP signed-note, "Verifier keys", "Example".
const specKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const specNote =
  "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

// The package documentation of golang.org/x/mod/sumdb/note.
const goSecret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const goKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const goText = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const goLine =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

// A checkpoint that sum.golang.org, Go's checksum database, once signed.
const sumKey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const sumNote =
  "go.sum database tree\n1262203\nsQ1Biyw3NQ7OBmLpfA5zZrs6xiB+o2ZjybBDj9cmnKA=\n\n— sum.golang.org Az3grpikEWo01N06qu0EoiC1BoYoyFuxaFTTMxfFiKnPadtWHsUDgXAUSfNZhEruQBzhzzIxYDroLaJwCZMVDXZRwAQ=\n";

// A checkpoint of a static-ct log in TrustFabric's staging, with cosignatures of public witnesses.
const ctKey = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const remoraKey = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
const ctNote = `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
`;

function secretFile(content: string, mode = 0o400): string {
  const path = join(temporaryDirectory(), "checkpoint.key");
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe("notes of other implementations", () => {
  it("verify: the example of C2SP", () => {
    expect(openNote(specNote, keys(specKey)).text).toBe("This is an example message.\n");
  });

  it("verify: a checkpoint of Go's checksum database", () => {
    expect(openNote(sumNote, keys(specKey, sumKey)).signatures).toMatchObject([{ name: "sum.golang.org" }]);
  });

  it("verify: a public log's checkpoint with a public witness's cosignature", () => {
    expect(openCheckpoint(ctNote, keys(ctKey, remoraKey))).toMatchObject({
      origin: "arche2025h1.staging.ct.transparency.dev",
      size: 1_432_088_532,
      cosignatures: [{ name: "remora.n621.de", time: 0x6a122120 }],
    });
  });

  it("are written to the byte as Go writes them, from Go's own private key", async () => {
    const key = fileKey({ path: secretFile(`${goSecret}\n`) });
    expect(key).toMatchObject({ name: "PeterNeumann", publicKey: goKey });
    const signature = await key.sign(Buffer.from(goText), aborted);
    expect(signatureLineOf("PeterNeumann", "c74f20a3", signature)).toBe(goLine);
    expect(openNote(`${goText}\n${goLine}`, keys(goKey)).text).toBe(goText);
  });
});

describe("a signed note", () => {
  it("is refused when no known key signed it, a known key's signature is bad, or it is malformed", async () => {
    const codes = [
      [sumNote, specKey, "by none of the given keys, but by sum.golang.org (033de0ae)"],
      [specNote.replace("example message", "exemple message"), specKey, "signature of example.com/foo is wrong"],
      [`${specNote}${specNote.split("\n")[2]?.replace("sYjO", "sYjP")}\n`, specKey, "is wrong"],
      [specNote.slice(0, -1), specKey, "expected a text, an empty line"],
      [`${specNote}\n`, specKey, "malformed"],
      [specNote.replace("\n\n", "\n"), specKey, "expected a text, an empty line"],
      [specNote.replace("message", "mess\tage"), specKey, "control characters"],
      [specNote.replace("aQM=", "aQN="), specKey, "malformed"],
      [specNote.replace("— ", "- "), specKey, "malformed"],
      ["x".repeat(2_000_000), specKey, "too many"],
      [specNote + specNote.slice(specNote.indexOf("—")).repeat(101), specKey, "102 signatures are too many"],
    ] as const;
    for (const [note, key, message] of codes) {
      const error = await failure(() => openNote(note, keys(key)));
      expect(error).toMatchObject({ code: "ERR_CHECKPOINT_INVALID", message: expect.stringContaining(message) });
    }
  });

  it("is a checkpoint only if the log's own key signed it", async () => {
    const witnessed = await failure(() => openCheckpoint(ctNote, keys(remoraKey)));
    expect(witnessed.message).toContain("no given key of a log signed it for arche2025h1");
    const other = await failure(() => openCheckpoint(sumNote, keys(sumKey)));
    expect(other.message).toContain("no given key of a log signed it for go.sum database tree");
    const none = await failure(() => openCheckpoint(specNote, keys(specKey)));
    expect(none.message).toContain("expected lines with origin, size and root");
  });

  it("verifies after none of 2,000 random changes", async () => {
    const random = seededRandom(5);
    const { privateKey, publicKey } = generateKey({ name: "audit.example.com/acme" });
    const key = fileKey({ path: secretFile(privateKey) });
    const text = `audit.example.com/acme/1\n17\n${"A".repeat(43)}=\ntime 1763893000\n`;
    const line = signatureLineOf(
      key.name,
      publicKey.split("+")[1] as string,
      await key.sign(Buffer.from(text), aborted),
    );
    const note = Buffer.from(`${text}\n${line}`);
    const known = keys(publicKey);
    expect(openCheckpoint(note.toString(), known).size).toBe(17);
    for (let round = 0; round < 2_000; round++) {
      const changed = mutate(note, random);
      if (changed.equals(note)) continue;
      await expect(failure(() => openCheckpoint(changed.toString(), known))).resolves.toMatchObject({
        code: "ERR_CHECKPOINT_INVALID",
      });
    }
  });
});

describe("a verifier key", () => {
  it.each([
    ["", "expected a verifier key"],
    ["a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "expected a verifier key"],
    [specKey.replace("530d903a", "530d903b"), "530d903b is not the id of the key of example.com/foo"],
    [specKey.replace("foo", "fop"), "530d903a is not the id"],
    [specKey.replace("Aeky", "Beky"), "signature type 5"],
    [specKey.slice(0, -4), "29 bytes instead of 32"],
    [`${specKey}=`, "not base64"],
  ])("is refused where it was changed: %s", async (text, message) => {
    const error = await failure(() => keys(text));
    expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(message) });
  });
});

describe("a private key", () => {
  const { privateKey: secret } = generateKey({ name: "acme" });
  // Base64 has pluses of its own.
  const hidden = secret.split("+").slice(4).join("+");

  it("in a file is refused when others can read it, when it is none, and when it is not there", async () => {
    const found = [
      [secretFile(secret, 0o440), "its mode is 0440"],
      [secretFile(secret, 0o604), "its mode is 0604"],
      [secretFile(secret.replace("PRIVATE", "PRIVATF")), "expected a private key"],
      [secretFile(secret.replace("+acme+", "+acmf+")), "id does not match"],
      [secretFile(`-----BEGIN PRIVATE KEY-----\n${hidden}\n-----END PRIVATE KEY-----`), "a PEM key has no name"],
      [temporaryDirectory(), "not a file"],
      ["/nonexistent", "cannot be read (ENOENT)"],
    ] as const;
    for (const [path, message] of found) {
      const error = await failure(() => fileKey({ path }));
      expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(message) });
      expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain(hidden);
    }
  });

  it("in PEM needs a name, and must be Ed25519", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    expect(fileKey({ path: secretFile(pem), name: "acme" }).publicKey).toMatch(/^acme\+[0-9a-f]{8}\+A/);
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "pem", type: "pkcs8" });
    const error = await failure(() => fileKey({ path: secretFile(ec.toString()), name: "acme" }));
    expect(error.message).toContain("expected an Ed25519 key, got ec");
    const broken = await failure(() => fileKey({ path: secretFile(pem.replace("MC4", "MC5")), name: "acme" }));
    expect(broken.message).toContain("not a private key in PEM");
    expect(broken.cause).toBeUndefined();
  });

  it("comes from the environment, too", async () => {
    cleanup(() => delete process.env.ACME_TEST_KEY);
    expect((await failure(() => environmentKey({ variable: "ACME_TEST_KEY" }))).message).toContain("not set");
    process.env.ACME_TEST_KEY = secret;
    expect(environmentKey({ variable: "ACME_TEST_KEY" }).name).toBe("acme");
    const named = await failure(() => environmentKey({ variable: "ACME_TEST_KEY", name: "other" }));
    expect(named.message).toContain("the key is called acme, not other");
  });

  it("may be somewhere else, behind a function", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
    const key = signer({ name: "kms", publicKey: pem, sign: async (bytes) => sign(null, bytes, privateKey) });
    expect(signer({ name: "kms", publicKey: key.publicKey, sign: key.sign }).publicKey).toBe(key.publicKey);
    const text = "text\n";
    const line = signatureLineOf(
      "kms",
      key.publicKey.split("+")[1] as string,
      await key.sign(Buffer.from(text), aborted),
    );
    expect(openNote(`${text}\n${line}`, keys(key.publicKey)).text).toBe(text);
    for (const publicKey of [goKey, remoraKey, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]) {
      const error = await failure(() => signer({ name: "kms", publicKey, sign: key.sign }));
      expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID" });
    }
  });

  it("gets a name that notes can carry", async () => {
    for (const name of ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u0085b"]) {
      expect((await failure(() => generateKey({ name }))).message).toContain("generateKey.name");
    }
  });
});
