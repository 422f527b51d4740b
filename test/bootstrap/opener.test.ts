import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { generate } from "../../scripts/generate-opener.mjs";
import type { OpenerPart } from "../../src/bootstrap/contract.ts";
import { composeOpener, stageOpener } from "../../src/bootstrap/opener/compose.ts";
import { scriptUserData } from "../../src/bootstrap/opener/script-user-data.ts";
import { coreScript, loadScript } from "../../src/bootstrap/opener/scripts.generated.ts";
import type { SealedData } from "../../src/bootstrap/sealed-data.ts";

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
    ["pg_program", "x", "the opener's own"],
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
    "the first of two stages": stageOpener(
      { sealed, wrap, store: { script: store.script.split("\n")[0] as string, needs: ["aws"] } },
      65_536,
    ).opener,
    "a packed script's user data": Buffer.from(scriptUserData(composeOpener({ sealed, wrap, store }))).toString(),
  };

  it
    .skipIf(!has("shellcheck"))
    .each(
      Object.entries(composed).flatMap(([name, text]) => ["sh", "dash", "bash"].map((shell) => [name, shell, text])),
    )("is clean to shellcheck with %s, as %s", (name = "", shell = "", text) => {
    // What the second stage uses is set in the first one; POSIX has soft limits since 2024, these shells had them before.
    const options = name.includes("two stages") ? ["-e", "SC2034,SC3045"] : [];
    const checked = spawnSync("shellcheck", [...options, "-s", shell, "-"], { input: text, encoding: "utf8" });
    expect(checked.stdout).toBe("");
    expect(checked.status).toBe(0);
  });

  it.each(Object.entries(composed))("is taken by every shell with %s, and by the kernel as a script", (_, text) => {
    for (const [name, ...args] of shells)
      expect(spawnSync(name as string, [...args, "-n"], { input: text, encoding: "utf8" }).stderr).toBe("");
    expect(text.startsWith("#!/bin/sh\n")).toBe(true);
  });
});

describe("stageOpener", () => {
  const options = { sealed, wrap: { ...wrap, settings: { pg_key: "k" } }, store };
  const text = (program: readonly Uint8Array[]) => gunzipSync(Buffer.concat(program)).toString();

  it("cuts the program as the store wants it, and names its digest and its place", () => {
    const { opener, program } = stageOpener({ ...options, sealed: { ...sealed, chunks: [Buffer.alloc(9)] } }, 300);
    expect(program.length).toBeGreaterThan(3);
    expect(program.slice(0, -1).every(({ length }) => length === 300)).toBe(true);
    const digest = createHash("sha256").update(Buffer.concat(program)).digest("hex");
    expect(opener).toContain(`pg_program='${digest}'\npg_chunks='1'\npg_items='${program.length + 1}'\n`);
  });

  it("leaves to the program what fetching it does not take, and says nothing twice", () => {
    const store = { script: "pg_fetch() { :; }\n", later: "pg_forget() { :; }\n", needs: ["http"] } as const;
    const { opener, program } = stageOpener({ ...options, wrap: { ...options.wrap, needs: ["aws"] }, store }, 65_536);
    const [here, there] = [opener, text(program)];
    const where = (what: string) => [here, there].map((one) => one.includes(what));
    for (const what of ["pg_id=", "pg_wrapped=", "pg_fetch()", "pg_http()"])
      expect([what, ...where(what)]).toEqual([what, true, false]);
    for (const what of ["pg_manifest=", "pg_key=", "pg_unwrap()", "pg_forget()", "pg_aws()"])
      expect([what, ...where(what)]).toEqual([what, false, true]);
    const functions = [here, there].flatMap((one) => one.match(/^\w+(?=\(\) \{)/gm) ?? []);
    expect(functions.length).toBeGreaterThan(20);
    expect(new Set(functions).size).toBe(functions.length);
    const whole = composeOpener({ ...options, wrap: { ...options.wrap, needs: ["aws"] }, store });
    const pieces = [here, there].flatMap((one) => one.split("\n")).filter((line) => !/^pg_\w+=/.test(line));
    expect(pieces.filter((line) => !whole.includes(line))).toEqual(
      loadScript
        .trimEnd()
        .split("\n")
        .filter((line) => !whole.includes(line)),
    );
  });

  it("is the same for the same sealing", () => {
    expect(stageOpener(options, 4096)).toEqual(stageOpener(options, 4096));
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

  it("unpacks the opener where the data lies in a store, hands its argument on, and returns its code", () => {
    const printing = "#!/bin/sh\npg_id='0123'\nprintf %s \"<$1>\"\n(exit 7)\n";
    const text = scriptUserData(printing);
    for (const [name, ...args] of shells) {
      const ran = spawnSync(name as string, [...args, "-s", "done"], { input: text, encoding: "utf8" });
      expect([ran.stdout, ran.stderr, ran.status]).toEqual(["<done>", "", 7]);
    }
  });

  it.each(["openssl", "gzip"])("says that it could not be unpacked without %s", (missing) => {
    const folder = mkdtempSync(join(tmpdir(), "script-"));
    for (const tool of ["openssl", "gzip", "mkdir"])
      if (tool !== missing)
        symlinkSync(execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim(), join(folder, tool));
    const env = { PATH: folder, PROVIDER_GUARD_STATE: `${folder}/state`, PROVIDER_GUARD_CONSOLE: `${folder}/console` };
    const input = scriptUserData("#!/bin/sh\npg_id='0123'\nexit 0\n");
    const ran = spawnSync("/bin/sh", { input, env, encoding: "utf8" });
    const read = (file: string) => readFileSync(join(folder, file), "utf8");
    expect([ran.status, ran.stdout, read("state/status")]).toEqual([10, "", `refused 0123 no-${missing}\n`]);
    expect(read("console")).toBe(`provider-guard: bootstrap data 0123 refused: no-${missing}\n`);
    rmSync(folder, { recursive: true });
  });
});
