import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, "node_modules", ".cache", "provider-guard");
const stamp = join(cache, "built-from");
const lock = join(cache, "build.lock");
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

function isCurrent(print) {
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== print) return false;
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const outputs = Object.values(exports).flatMap((target) =>
    typeof target === "string" ? target : Object.values(target),
  );
  for (const folder of ["examples/quickstart", "bench"]) {
    if (existsSync(join(root, folder, "main.ts"))) outputs.push(join(folder, "dist", "main.js"));
  }
  return outputs.every((path) => existsSync(join(root, path)));
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Test runs and programs started at the same moment must not build into `dist` at once. */
async function acquire() {
  mkdirSync(cache, { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = existsSync(lock) ? Number(readFileSync(lock, "utf8")) : 0;
    if (holder > 0 && !isRunning(holder)) rmSync(lock, { force: true });
    else await sleep(100);
  }
}

/**
 * Builds `dist`, the quickstart and the bench, unless they were built from these very sources.
 * Everything said about it goes to standard error: standard output belongs to the program that asked.
 *
 * @param {{ always?: boolean, quiet?: boolean }} [options]
 */
export async function build(options = {}) {
  await acquire();
  try {
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
  } finally {
    rmSync(lock, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  build({ always: true }).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
