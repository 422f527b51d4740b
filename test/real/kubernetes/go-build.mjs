import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { withLock } from "../../../scripts/lock.mjs";

/** Outside the clone, so that a fresh one need not build what another has built. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "provider-guard");

/** What a loaded machine with two cores needs from nothing is a third of it. */
const timeoutMs = 20 * 60_000;

const remove = (entry) => rmSync(join(cache, entry), { recursive: true, force: true });

/** Settings of the user's own would make other bytes, or none. */
const settings = { GOFLAGS: "-mod=readonly -buildvcs=false", GOWORK: "off", CGO_ENABLED: "0" };

/** Only the leading numbers count: 1.26.8 is at least 1.25.0. */
function isAtLeast(version, wanted) {
  const [a, b] = [version, wanted].map((text) => text.split(".").map((part) => Number.parseInt(part, 10)));
  for (const [i, part] of b.entries()) if (a[i] !== part) return (a[i] ?? 0) > part;
  return true;
}

/**
 * Finds the version of Go that builds the module in a folder, where there is one that is new enough.
 *
 * @param {string} folder
 * @returns {string | undefined}
 */
export function findGo(folder) {
  const wanted = /^go (\S+)/m.exec(readFileSync(join(folder, "go.mod"), "utf8"))[1];
  const asked = spawnSync("go", ["env", "GOVERSION"], {
    cwd: folder,
    env: { ...process.env, ...settings },
    encoding: "utf8",
  });
  const version = /^go(\S+)/.exec(asked.stdout ?? "")?.[1];
  return asked.status === 0 && version !== undefined && isAtLeast(version, wanted) ? version : undefined;
}

/**
 * Runs `go`, and shows what it says only where it fails.
 *
 * @param {string[]} args
 * @param {string} folder Where it runs.
 * @returns {Promise<string>} What it printed.
 */
export function go(args, folder) {
  return new Promise((resolve, reject) => {
    const child = spawn("go", args, {
      cwd: folder,
      env: { ...process.env, ...settings },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
    });
    let printed = "";
    let said = "";
    child.stdout.on("data", (chunk) => {
      printed += chunk;
    });
    child.stderr.on("data", (chunk) => {
      said = (said + chunk).slice(-4000);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`go ${args[0]} in ${folder} ended with ${signal ?? code}:\n${said}`));
    });
  });
}

/**
 * Gives the folder in the user's cache that holds what `make` builds of the Go module and the
 * build.mjs in `folder`, and makes it first where it is not there. A build that is killed leaves nothing that another would take for whole.
 *
 * @param {{ name: string, folder: string, make: (out: string) => Promise<void> }} options
 * @returns {Promise<string>}
 */
export async function builtOnce({ name, folder, make }) {
  const version = findGo(folder);
  if (version === undefined)
    throw new Error(`${name} needs the Go that ${join(folder, "go.mod")} names, or a later one`);
  const hash = createHash("sha256").update(JSON.stringify([version, process.platform, process.arch, settings]));
  const sources = readdirSync(folder).filter((file) => /\.(go|mjs)$|^go\.(mod|sum)$/.test(file));
  for (const file of sources.sort()) hash.update(`\0${file}\0`).update(readFileSync(join(folder, file)));
  const out = join(cache, `${name}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(out)) return out;
  const build = async () => {
    if (existsSync(out)) return out;
    const prefix = `unfinished-${name}-`;
    for (const left of readdirSync(cache).filter((entry) => entry.startsWith(prefix))) remove(left);
    const unfinished = mkdtempSync(join(cache, prefix));
    process.stderr.write(`Building ${name} with Go ${version}: minutes, once ...\n`);
    try {
      await make(unfinished);
      renameSync(unfinished, out);
    } finally {
      remove(basename(unfinished));
    }
    return out;
  };
  return withLock(name, build, cache);
}
