import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { build } from "../../scripts/build.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the package as `npm publish` would upload it; empty where the build failed. */
    readonly tarball: string;
  }
}

const root = fileURLToPath(new URL("../../", import.meta.url));

async function pack(folder: string): Promise<string> {
  await build({ quiet: true });
  const output = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [packed] = JSON.parse(output) as { filename: string }[];
  return join(folder, packed?.filename ?? "");
}

/** Builds and packs once per run, whichever tests of the built package are in it. */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "provider-guard-pack-"));
  // An error here would end the whole run: let the tests that need the build fail, and the others tell what they know.
  const tarball = await pack(folder).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return "";
  });
  project.provide("tarball", tarball);
  return () => rmSync(folder, { recursive: true, force: true });
}
