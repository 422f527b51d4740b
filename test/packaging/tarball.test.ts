import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { describe, expect, it } from "vitest";
import { entries, expectNone, read } from "../docs/repository.ts";
import { tarball } from "./packed.ts";

const require = createRequire(import.meta.url);
const manifest = JSON.parse(read("package.json")) as { exports: Record<string, unknown>; files: string[] };

function packedFiles(): string[] {
  const listing = execFileSync("tar", ["-tzf", tarball()], { encoding: "utf8" });
  return listing
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));
}

describe("the packed tarball", () => {
  it("satisfies publint", async () => {
    const bytes = readFileSync(tarball());
    const archive = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const { messages, pkg } = await publint({ pack: { tarball: archive }, strict: true });
    expectNone(
      "publint's findings",
      messages.map((message) => `${message.type}: ${formatMessage(message, pkg, { color: false })}`),
    );
  });

  it("resolves, with types, for ESM importers (are the types wrong?)", () => {
    const attw = join(dirname(require.resolve("@arethetypeswrong/cli/package.json")), "dist", "index.js");
    try {
      execFileSync(process.execPath, [attw, tarball(), "--profile", "esm-only", "--no-emoji", "--no-color"], {
        encoding: "utf8",
      });
    } catch (error) {
      throw new Error((error as { stdout?: string }).stdout ?? String(error));
    }
  });

  it("holds the build, the pages and nothing else", () => {
    const packed = packedFiles();
    for (const file of ["package.json", "README.md", "LICENSE", "SECURITY.md", "CHANGELOG.md", "dist/index.js"]) {
      expect(packed).toContain(file);
    }
    const allowed = ["package.json", ...manifest.files];
    expectNone(
      "files that users do not need",
      packed.filter((path) => !allowed.some((name) => path === name || path.startsWith(`${name}/`))),
    );
    expect(statSync(tarball()).size).toBeLessThan(2_000_000);
  });

  it("exports the entry points that tests and examples import, and no other", () => {
    const specifiers = Object.keys(manifest.exports)
      .filter((subpath) => subpath !== "./package.json")
      .map((subpath) => subpath.replace(/^\./, "provider-guard"));
    expect(specifiers.sort()).toEqual(
      entries()
        .map(({ specifier }) => specifier)
        .sort(),
    );
  });
});
