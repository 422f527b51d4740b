import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./lock.mjs";

/**
 * Tools ship their binaries as one optional package per platform. A registry that lacks some of them
 * makes npm leave those out of the lock file, and `npm ci` then refuses it, on every platform. This
 * writes the entries that npm would have written, so far as the package's name tells; run it after
 * an `npm install` that changed tools: `node scripts/complete-lock.mjs`.
 */
const systems = /-(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-/;
const processors = /-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)(?:-|$)/;

/** What npm writes for a package that only some platforms install; `undefined` where the name does not tell. */
export function platformEntry(name, version) {
  const os = systems.exec(name)?.[1];
  const cpu = processors.exec(name)?.[1];
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+$/.test(version)) return undefined;
  const libc = os !== "linux" ? undefined : /-musl/.test(name) ? "musl" : /-gnu/.test(name) ? "glibc" : undefined;
  return {
    version,
    cpu: [cpu],
    dev: true,
    ...(libc !== undefined && { libc: [libc] }),
    optional: true,
    os: [os],
  };
}

/** Entries that `packages` of a lock file lacks, by their key. */
export function missingEntries(packages) {
  const missing = {};
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
      if (places.some((place) => place in packages)) continue;
      missing[`node_modules/${name}`] = platformEntry(name, version);
    }
  }
  return missing;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = join(root, "package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8"));
  const added = Object.entries(missingEntries(lock.packages));
  const unknown = added.filter(([, entry]) => entry === undefined).map(([key]) => key);
  const all = { ...lock.packages, ...Object.fromEntries(added.filter(([, entry]) => entry !== undefined)) };
  lock.packages = Object.fromEntries(Object.entries(all).sort(([a], [b]) => a.localeCompare(b, "en")));
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${added.length - unknown.length} entries added`);
  if (unknown.length > 0) {
    console.error(`cannot tell the platform of ${unknown.join(", ")}`);
    process.exitCode = 1;
  }
}
