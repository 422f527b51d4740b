import { constants } from "node:fs";
import { access, mkdir, open, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { guarded, unavailable } from "./unavailable.ts";

/** Makes a new or removed name in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory and what is missing above it. Node's own recursive mkdir never ends where the
 * file system says that a parent is missing which is there, as under /proc.
 *
 * @returns The first one it made, or `undefined` if there was nothing to make.
 */
async function makeDirectories(directory: string): Promise<string | undefined> {
  const missing: string[] = [];
  let at = directory;
  while (!(await exists(at))) {
    missing.push(at);
    at = dirname(at);
  }
  for (const path of [...missing].reverse()) {
    await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error; // somebody else made it meanwhile
    });
  }
  return missing.at(-1);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );

/**
 * Makes sure that there is a directory to write to, readable by its owner alone if it is new.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`, naming it.
 */
export async function prepareDirectory(directory: string): Promise<void> {
  await guarded(directory, async () => {
    const created = await makeDirectories(directory);
    if (created !== undefined) await syncDirectory(dirname(created));
    if (!(await stat(directory)).isDirectory()) throw Object.assign(new Error("not a directory"), { code: "ENOTDIR" });
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  });
}

/**
 * Creates a file so that it exists with all its content, or not at all, whenever the machine stops.
 * Only the directory's one writer may call it: the temporary name is always the same.
 *
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`, naming the file.
 */
export async function createDurably(directory: string, name: string, content: Uint8Array): Promise<void> {
  const path = join(directory, name);
  const temporary = `${path}.new`;
  try {
    const handle = await open(temporary, "w", 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(directory);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw unavailable(path, error);
  }
}
