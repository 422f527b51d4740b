import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localKeyWrap } from "provider-guard/bootstrap";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { describeWithServer } from "../real/require-server.ts";
import { findProgram } from "../support/programs.ts";
import { binding, p256, pkcs8, rsa2048 } from "./sealing.ts";

const path = "/etc/acme/image.key";

describe("a wrap by an image's key", () => {
  it("names the public half, and where the private one lies", () => {
    const pem = p256.publicKey.export({ format: "pem", type: "spki" }) as string;
    for (const publicKey of [pem, p256.publicKey, rsa2048.publicKey]) {
      const wrap = localKeyWrap({ publicKey, path });
      expect(wrap).toMatchObject({ name: "local-key" });
      expect(wrap.wrap).toBeUndefined();
      expect(wrap.recipient?.type).toBe("public");
      expect(wrap.opener(binding).settings).toEqual({ pg_key_path: path });
      expect(wrap.opener(binding).needs ?? []).toEqual([]);
    }
  });

  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  it.each([
    ["publicKey", p256.privateKey],
    ["publicKey", pkcs8(p256.privateKey) as string],
    ["publicKey", pkcs8(rsa2048.privateKey) as string],
    ["publicKey", "no key"],
    ["publicKey", ""],
    ["publicKey", weak],
    ["publicKey", weak.export({ format: "pem", type: "spki" }) as string],
    ["publicKey", { type: "public" } as never],
  ])("refuses another %s, and shows nothing of it", (field, publicKey) => {
    expect(() => localKeyWrap({ publicKey, path })).toThrowError(
      expect.objectContaining({
        code: "ERR_CONFIG_INVALID",
        message: expect.stringMatching(new RegExp(`^localKeyWrap\\.${field}: [^\n]{1,120}$`)),
      }),
    );
  });

  it.each([
    "",
    "/",
    "etc/key",
    "/etc/../key",
    "/etc//key",
    "/etc/./key",
    "/etc/key/",
    "/a b",
    "/a\nb",
    "/a'b",
    "/$(id)",
    `/${"a".repeat(2000)}`,
  ])("refuses the path %j", (given) => {
    expect(() => localKeyWrap({ publicKey: p256.publicKey, path: given })).toThrowError(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringMatching(/^localKeyWrap\.path: /) }),
    );
  });
});

const folder = mkdtempSync(join(tmpdir(), "provider-guard-local-key-"));
afterAll(() => rmSync(folder, { recursive: true }));
const key = join(folder, "image.key");
const target = join(folder, "key");
const isRoot = process.getuid?.() === 0;

describe.each([["dash"], ["bash"], ["busybox", "sh"]])("pg_unwrap in %s", (...shell) => {
  const [name = ""] = shell;
  describeWithServer("", { server: name, program: findProgram(name), hint: `Debian: apt-get install ${name}` }, () => {
    beforeEach(() => {
      for (const each of [key, target]) rmSync(each, { force: true, recursive: true });
      writeFileSync(key, "the key\n", { mode: 0o600 });
    });

    /** What the function returns, under the options that an opener may run with. */
    function unwrap(from = key) {
      const { script } = localKeyWrap({ publicKey: p256.publicKey, path }).opener(binding);
      const text = `set -u\numask 022\npg_key_path='${from}'\n${script}\npg_unwrap "$1"`;
      const args = [...shell.slice(1), "-c", text, "opener", target];
      const { status, stdout } = spawnSync(name, args, { timeout: 20_000 });
      expect(stdout.toString()).toBe("");
      return status;
    }
    const nothing = () => expect(existsSync(target)).toBe(false);

    it.each([0o600, 0o400, 0o700])("gives the key of mode %o to nobody else", (mode) => {
      chmodSync(key, mode);
      expect(unwrap()).toBe(0);
      expect(readFileSync(target, "utf8")).toBe("the key\n");
      expect(statSync(target).mode & 0o777).toBe(0o600);
    });

    it.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777, 0o4600])("refuses mode %o for good", (mode) => {
      chmodSync(key, mode);
      expect(unwrap()).toBe(2);
      nothing();
    });

    it("refuses a symbolic link and a folder for good", () => {
      symlinkSync(key, join(folder, "link"));
      expect(unwrap(join(folder, "link"))).toBe(2);
      rmSync(join(folder, "link"));
      rmSync(key);
      mkdirSync(key, { mode: 0o700 });
      expect(unwrap()).toBe(2);
      nothing();
    });

    it.runIf(isRoot)("refuses another user's file for good", () => {
      chownSync(key, 4242, 4242);
      expect(unwrap()).toBe(2);
      nothing();
    });

    it("lets the next boot try where there is no file", () => {
      rmSync(key);
      expect(unwrap()).toBe(1);
      nothing();
    });
  });
});

const shellcheck = {
  server: "shellcheck",
  program: findProgram("shellcheck"),
  hint: "Debian: apt-get install shellcheck",
};
describeWithServer("the part of the opener", shellcheck, () => {
  it("is clean POSIX sh", () => {
    const { script } = localKeyWrap({ publicKey: p256.publicKey, path }).opener(binding);
    const input = `#!/bin/sh\npg_key_path=x\n${script}pg_unwrap x\n`;
    expect(spawnSync("shellcheck", ["-s", "sh", "-"], { input, timeout: 60_000 }).stdout.toString()).toBe("");
  });
});
