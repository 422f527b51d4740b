import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cache, root, withLock } from "./lock.mjs";

const stamp = join(cache, "provider-guard-built-from");
const inputs = [
  "src",
  "adapters",
  "examples",
  "bench",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "tsup.config.ts",
];

function filesIn(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (/\.\w+$/.test(path)) return [path];
  return readdirSync(full, { withFileTypes: true })
    .filter((entry) => entry.name !== "dist" && entry.name !== "node_modules")
    .flatMap((entry) => (entry.isDirectory() ? filesIn(join(path, entry.name)) : [join(path, entry.name)]))
    .sort();
}

function fingerprint() {
  const hash = createHash("sha256").update(process.version);
  for (const path of inputs.flatMap(filesIn)) hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  return hash.digest("hex");
}

/** Paths of what a manifest's field names, however deep. */
const pathsIn = (field) => (typeof field === "string" ? [field] : Object.values(field ?? {}).flatMap(pathsIn));

/** What a build makes: all that the manifest names, and the programs with what they start by path. */
export function outputs() {
  const { exports, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const programs = ["examples/quickstart", "bench"].flatMap((folder) =>
    filesIn(folder)
      .map((path) => path.slice(folder.length + 1))
      .filter((path) => path === "main.ts" || path.endsWith(".process.ts"))
      .map((path) => join(folder, "dist", path.replace(/ts$/, "js"))),
  );
  return [...pathsIn(exports), ...pathsIn(bin), ...programs];
}

const isCurrent = (print) =>
  existsSync(stamp) && readFileSync(stamp, "utf8") === print && outputs().every((path) => existsSync(join(root, path)));

/**
 * Builds `dist`, the quickstart and the bench, unless they were built from these very sources.
 * Everything said about it goes to standard error: standard output belongs to the program that asked.
 *
 * @param {{ always?: boolean, quiet?: boolean }} [options]
 */
export function build(options = {}) {
  return withLock("provider-guard-build", () => {
    const print = fingerprint();
    if (options.always !== true && isCurrent(print)) return;
    rmSync(stamp, { force: true });
    if (options.quiet === true) process.stderr.write("Building provider-guard ...\n");
    const result = spawnSync(process.execPath, [join(root, "node_modules", "tsup", "dist", "cli-default.js")], {
      cwd: root,
      stdio: ["ignore", 2, 2],
      env: { ...process.env, ...(options.quiet === true && { PROVIDER_GUARD_BUILD_QUIET: "1" }) },
    });
    if (result.status !== 0) throw new Error("provider-guard: the build failed; see above");
    writeFileSync(stamp, print);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  build({ always: true }).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
