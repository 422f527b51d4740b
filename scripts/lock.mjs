import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where scripts keep what can be made again. */
export const cache = join(root, "node_modules", ".cache");

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs `work` while no other process on this machine holds the lock of that name. Test files and
 * programs started at the same moment would otherwise build the same thing into the same place.
 *
 * @template T
 * @param {string} name
 * @param {() => T | Promise<T>} work
 * @param {string} [folder] Where the lock is; beside what the lock protects.
 * @returns {Promise<T>}
 */
export async function withLock(name, work, folder = cache) {
  const path = join(folder, `${name}.lock`);
  mkdirSync(folder, { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
    if (holder > 0 && !isRunning(holder)) rmSync(path, { force: true });
    else await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
