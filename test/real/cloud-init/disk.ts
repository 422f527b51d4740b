import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** What no two runs share: the time that cloud-init notes beside what it adds, and boundaries of MIME. */
const chance = /\w{3}, \d\d \w{3} \d{4} [\d:]{8} [+]0000|={15}\d+==/g;

/** What a machine has written: kind, mode, owner and content of each file, by its path. */
export async function readDisk(upper: string): Promise<Map<string, string>> {
  const disk = new Map<string, string>();
  for (const path of (await readdir(upper, { recursive: true })).sort()) {
    const stats = await lstat(join(upper, path));
    const content = stats.isFile()
      ? createHash("sha256")
          .update((await readFile(join(upper, path), "latin1")).replace(chance, ""))
          .digest("hex")
      : stats.isSymbolicLink()
        ? await readlink(join(upper, path))
        : "";
    disk.set(path, `${stats.mode.toString(8)} ${stats.uid}:${stats.gid} ${content}`);
  }
  return disk;
}

/** Paths that differ between two disks and that no rule allows to, with both sides. */
export function differences(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
  allowed: readonly RegExp[],
): string[] {
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((path) => one.get(path) !== other.get(path) && !allowed.some((rule) => rule.test(path)))
    .map((path) => `${path}: ${one.get(path) ?? "none"} | ${other.get(path) ?? "none"}`)
    .sort();
}
