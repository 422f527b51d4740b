import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { generate } from "../../scripts/generate-opener.mjs";
import type { OpenerPart } from "../../src/bootstrap/contract.ts";
import { composeOpener } from "../../src/bootstrap/opener/compose.ts";
import { scriptUserData } from "../../src/bootstrap/opener/script-user-data.ts";
import { coreScript } from "../../src/bootstrap/opener/scripts.generated.ts";
import { sealData } from "../../src/bootstrap/seal-data.ts";
import type { SealedData } from "../../src/bootstrap/sealed-data.ts";
import { bootstrapSigner } from "../../src/bootstrap/signer.ts";
import { httpOpener } from "../../src/bootstrap/stores/http/opener.ts";
import { localKeyWrap } from "../../src/bootstrap/wraps/local-key.ts";

const sealed: SealedData = {
  binding: {
    machine: {
      managementCluster: "mgmt",
      cluster: { namespace: "default", name: "prod", uid: "u1" },
      machine: { namespace: "default", name: "prod-1", uid: "u2" },
    },
    id: "0123456789abcdef0123456789abcdef",
    format: "script",
    mode: "pointer",
    sealedAt: 1_000_000,
    expiresAt: 2_000_000,
  },
  manifest: "provider-guard bootstrap data 1\nid 0123456789abcdef0123456789abcdef\n",
  signature: "c2lnbmF0dXJl",
  signer: "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n",
  wrapped: "wrapped",
  chunks: [],
};
const wrap: OpenerPart = { script: 'pg_unwrap() {\n  cat /key >"$1"\n}\n' };
const store: OpenerPart = { script: "pg_fetch() { return 2; }\npg_forget() { :; }\n" };
const has = (tool: string) => spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
const shells = [["sh"], ["dash"], ["bash"], ["busybox", "sh"]].filter(([name]) => has(name as string));

describe("the generated text of the scripts", () => {
  it.each([...generate()])("%s is what scripts/generate-opener.mjs makes of them", (path, text) => {
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("has neither comments nor indentation", () => {
    expect(coreScript).not.toMatch(/^\s*#|^\s|\n\n/m);
  });
});

describe("composeOpener", () => {
  it.each([
    "'; touch /run/hostile; '",
    "$(touch /run/hostile)`touch /run/hostile`$HOME",
    "line\nbreaks\r\nand\ttabs\n\n",
    "'\\''\"\\\\",
    "'''",
    "",
    " spaces  ",
    "-n",
    "EOF\n.\n#!/bin/sh",
    "$'\\x41' $& $1 $` $'",
    "ü\u{1f600}\u0001\u007f",
    "!history *?[a]~",
  ])("hands a setting over as it is, and executes none of it: %j", (value) => {
    const text = composeOpener({
      sealed: { ...sealed, wrapped: value },
      wrap,
      store: { ...store, settings: { pg_value: value } },
    });
    const printing = text.replace(/^case \$\{1-run\} in[\s\S]*/m, 'printf %s. "$pg_value" "$pg_wrapped"\n');
    expect(printing).not.toBe(text);
    expect(shells.length).toBeGreaterThan(0);
    for (const [name, ...args] of shells) {
      const ran = execFileSync(name as string, args, { input: printing, encoding: "utf8" });
      expect(ran).toBe(`${value}.${value}.`);
    }
  });

  it.each([
    ["PATH", "x", "must begin with pg_"],
    ["pg_a b", "x", "must begin with pg_"],
    ["pg_x;touch", "x", "must begin with pg_"],
    ["pg_manifest", "x", "the opener's own"],
    ["pg_x", "a\0b", "null character"],
  ])("refuses the setting %s", (name, value, why) => {
    const options = { sealed, wrap, store: { ...store, settings: { [name]: value } } };
    expect(() => composeOpener(options)).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
    expect(() => composeOpener(options)).toThrow(why);
  });

  it("refuses two parts that want the same setting differently, and takes the same one twice", () => {
    const two = (value: string) => ({
      sealed,
      wrap: { ...wrap, settings: { pg_region: value } },
      store: { ...store, settings: { pg_region: "a" } },
    });
    expect(() => composeOpener(two("b"))).toThrow("pg_region has two values");
    expect(composeOpener(two("a")).match(/^pg_region=/gm)).toHaveLength(1);
  });

  it("brings a library once, with the one that it calls, and none that nobody asked for", () => {
    const count = (text: string, name: string) => text.split(`\n${name}() {`).length - 1;
    const plain = composeOpener({ sealed, wrap, store });
    expect([count(plain, "pg_http"), count(plain, "pg_aws")]).toEqual([0, 0]);
    const both = composeOpener({
      sealed,
      wrap: { ...wrap, needs: ["aws"] },
      store: { ...store, needs: ["http", "aws"] },
    });
    expect([count(both, "pg_http"), count(both, "pg_aws")]).toEqual([1, 1]);
    const http = composeOpener({ sealed, wrap, store: { ...store, needs: ["http"] } });
    expect([count(http, "pg_http"), count(http, "pg_aws")]).toEqual([1, 0]);
  });

  const composed = {
    "a store": composeOpener({ sealed, wrap, store }),
    "inline data": composeOpener({ sealed, wrap, store: undefined }),
    http: composeOpener({ sealed, wrap, store: { ...store, needs: ["http"] } }),
    aws: composeOpener({ sealed, wrap: { ...wrap, needs: ["aws"] }, store: { ...store, needs: ["aws"] } }),
    "a script's user data": Buffer.from(
      scriptUserData(composeOpener({ sealed, wrap, store: undefined }), Buffer.alloc(1000)),
    ).toString(),
  };

  it
    .skipIf(!has("shellcheck"))
    .each(
      Object.entries(composed).flatMap(([name, text]) => ["sh", "dash", "bash"].map((shell) => [name, shell, text])),
    )("is clean to shellcheck with %s, as %s", (_, shell = "", text) => {
    const checked = spawnSync("shellcheck", ["-s", shell, "-"], { input: text, encoding: "utf8" });
    expect(checked.stdout).toBe("");
    expect(checked.status).toBe(0);
  });

  it.each(Object.entries(composed))("is taken by every shell with %s, and by the kernel as a script", (_, text) => {
    for (const [name, ...args] of shells)
      expect(spawnSync(name as string, [...args, "-n"], { input: text, encoding: "utf8" }).stderr).toBe("");
    expect(text.startsWith("#!/bin/sh\n")).toBe(true);
  });
});

describe("the user data of data in a store", () => {
  it("takes 4 KB at most, compressed, with the handler's store and the image's key", async () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const wrap = localKeyWrap({ publicKey, path: "/etc/provider-guard/image.key" });
    const uid = "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90";
    const object = (name: string) => ({ namespace: "default", name, uid });
    const machine = { managementCluster: uid, cluster: object("prod"), machine: object("prod-control-plane-x7k2p") };
    const binding = { ...sealed.binding, machine, sealedAt: 1_764_000_000_000, expiresAt: 1_764_003_600_000 };
    const data = randomBytes(20_000);
    const made = await sealData({ data, binding, wrap, signer: bootstrapSigner(), maxItemBytes: 65_536, maxItems: 9 });
    const store = httpOpener("https://bootstrap.example.com/v1", randomBytes(32).toString("base64url"), undefined);
    const opener = composeOpener({ sealed: made, wrap: wrap.opener(binding), store });
    expect(gzipSync(scriptUserData(opener), { level: 9 }).length).toBeLessThanOrEqual(4096);
  });
});

describe("scriptUserData", () => {
  it.each([0, 1, 56, 57, 58, 4096, 9001])("carries %i bytes as they are", (length) => {
    const bytes = Buffer.from(Array.from({ length }, (_, index) => (index * 167) % 256));
    const text = Buffer.from(scriptUserData(composeOpener({ sealed, wrap, store: undefined }), bytes)).toString();
    const printing = text.replace(/^case \$\{1-run\} in[\s\S]*/m, "pg_sealed\n");
    for (const [name, ...args] of shells)
      expect(execFileSync(name as string, args, { input: printing }).equals(bytes)).toBe(true);
  });

  it("is the opener alone where the data lies in a store", () => {
    const opener = composeOpener({ sealed, wrap, store });
    expect(Buffer.from(scriptUserData(opener)).toString()).toBe(opener);
  });
});
