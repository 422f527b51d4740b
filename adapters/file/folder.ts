import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { GuardError } from "../../src/core/errors.ts";
import { refused, unavailable } from "./failure.ts";
import { damageOf } from "./header.ts";

/** LMDB's files in the folder. */
export const fileNames = ["data.mdb", "lock.mdb"] as const;

/** 64 bytes for each process and thread that may read at once, 1023 of them, and a header. */
const lockBytes = 64 * 1024;
/** What LMDB writes into a new database, and some more. */
const newDataBytes = 16 * 1024;

/** Makes new names in a directory durable. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Makes a directory and what is missing above it; Node's own recursive mkdir never ends under /proc. */
function makeDirectories(directory: string): void {
  const missing: string[] = [];
  for (let at = directory; !existsSync(at); at = dirname(at)) missing.push(at);
  for (const path of missing.reverse()) {
    try {
      mkdirSync(path, { mode: 0o700 });
      syncDirectory(dirname(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // somebody else made it meanwhile
    }
  }
}

/** Runs a step with a file of zeros that nobody else knows of. */
function withScratchFile(directory: string, bytes: number, step: (path: string) => void): void {
  const path = join(directory, `.new-${randomBytes(8).toString("hex")}`);
  try {
    writeFileSync(path, Buffer.alloc(bytes), { flag: "wx", mode: 0o600, flush: true });
    step(path);
  } finally {
    if (existsSync(path)) unlinkSync(path);
  }
}

/**
 * LMDB makes its lock file full of holes and maps it: on a full disk the kernel ends the process
 * that touches one. So the file is made here, with all its blocks, and appears at once or not at all.
 */
function makeLockFile(directory: string, path: string): void {
  withScratchFile(directory, lockBytes, (scratch) => {
    try {
      linkSync(scratch, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  });
}

/** Another process may be at the moment in which it makes the file. */
function lastingDamage(path: string): string | undefined {
  for (let attempt = 0; ; attempt++) {
    const damage = damageOf(path);
    if (damage === undefined || attempt === 20) return damage;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}

function refuseWritableByOthers(directory: string): void {
  if ((statSync(directory).mode & 0o002) === 0) return;
  throw new GuardError(
    "ERR_CONFIG_INVALID",
    `state.directory: everybody may write to ${directory}; name a folder inside it, which is then made with mode 0700`,
  );
}

/**
 * Makes a folder ready for LMDB, which itself crashes the process on much of what can be wrong.
 * A new folder has mode 0700. The files have mode 0600, whatever the folder's. A lock file that is
 * there is not opened: to close it would drop the locks that this process has on it already.
 *
 * @returns The folder's one true path.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` when everybody may write to it.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`, naming the folder or the file.
 */
export function prepareFolder(path: string): string {
  const directory = resolve(path);
  try {
    makeDirectories(directory);
    if (!statSync(directory).isDirectory()) throw Object.assign(new Error("not a directory"), { code: "ENOTDIR" });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    refuseWritableByOthers(directory);
    const [data, lock] = fileNames.map((name) => join(directory, name)) as [string, string];
    if (!existsSync(lock)) makeLockFile(directory, lock);
    if (!existsSync(data)) withScratchFile(directory, newDataBytes, () => {});
    for (const file of [data, lock].filter(existsSync)) {
      if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
    }
    const damage = existsSync(data) ? lastingDamage(data) : undefined;
    if (damage !== undefined) {
      throw refused(directory, `${data} ${damage}; restore the folder, or remove it to start with nothing`, false);
    }
    if (!statSync(lock).isFile()) throw Object.assign(new Error("not a file"), { code: "EISDIR" });
    return realpathSync(directory);
  } catch (error) {
    throw unavailable(directory, error);
  }
}
