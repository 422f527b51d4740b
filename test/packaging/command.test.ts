import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { read } from "../docs/repository.ts";
import { tarball } from "./packed.ts";

let folder: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "provider-guard-command-")));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const install = ["install", tarball(), "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  execFileSync("npm", install, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const npx = (...args: string[]) =>
  spawnSync("npx", ["--no-install", "provider-guard", ...args], { cwd: folder, encoding: "utf8" });

describe("the command of the installed package", () => {
  it("runs through npx, without any SDK, and knows its version", () => {
    const { status, stdout } = npx("--version");
    expect([status, stdout]).toEqual([0, `${JSON.parse(read("package.json")).version}\n`]);
    expect(npx("audit", "--help").stdout).toContain("verify");
  });

  it("verifies a journal that the installed library wrote", () => {
    const script = `
      import { createGuard, fileJournal } from "provider-guard";
      const owner = { managementCluster: "mc", provider: "acme" };
      await (await createGuard({ owner, audit: fileJournal({ directory: "journal" }) })).close();
    `;
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: folder });
    expect(npx("audit", "verify", "journal").status).toBe(3);
    const { status, stdout } = npx("audit", "verify", "journal", "--allow-unpinned", "--json");
    expect([status, JSON.parse(stdout).status]).toEqual([0, "ok"]);
    expect(npx("audit", "tail", "journal").stdout).toContain("opened");
    expect(npx("audit", "nonsense").status).toBe(2);
  });
});
