import { randomBytes } from "node:crypto";
import { type FileHandle, link, mkdir, open, readdir, rmdir, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What the operating system calls a failure, e.g. `ENOSPC`. */
export const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** Settles like the work, but for a file or folder that is not there. */
export async function orMissing<T, M>(work: Promise<T>, missing: M): Promise<T | M> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return missing;
    throw error;
  }
}

const done = () => true;

export const exists = (path: string): Promise<boolean> => orMissing(stat(path).then(done), false);

/** Makes a name in a folder, or its removal, durable; a folder that is gone needs nothing. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await orMissing(open(path, "r"), undefined);
  await handle?.sync().finally(() => handle.close());
}

/** Opens a new file; whoever deletes the folder's last one at this moment deletes the folder, too. */
async function create(file: string): Promise<FileHandle> {
  for (;;) {
    await mkdir(dirname(file), { mode: 0o700 }).catch((error) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
    const handle = await orMissing(open(file, "wx", 0o600), undefined);
    if (handle !== undefined) return handle;
  }
}

/**
 * Puts a file in its place, durable, whole or not at all, by a link, which, other than a rename, never replaces what is
 * there. Its folder is made if it is not there; that of the folder has to be.
 *
 * @returns `false` where there is one already: it stays as it is.
 */
export async function writeOnce(file: string, pieces: readonly Uint8Array[], signal?: AbortSignal): Promise<boolean> {
  const draft = `${file}.${randomBytes(8).toString("hex")}.new`;
  const handle = await create(draft);
  let placed: boolean;
  try {
    try {
      for (const piece of pieces) await handle.writeFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    signal?.throwIfAborted();
    placed = await link(draft, file).then(done, (error) => {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    });
  } finally {
    await orMissing(unlink(draft), undefined);
  }
  // Also where it was there: whoever put it may not have come so far.
  await syncFolder(dirname(file));
  await syncFolder(dirname(dirname(file)));
  return placed;
}

/**
 * Removes a file, what a process that was killed has left of it, and its folder where that is empty then; durably.
 * @returns Whether there was anything of it.
 */
export async function removeOnce(file: string): Promise<boolean> {
  const folder = dirname(file);
  const removed = await orMissing(unlink(file).then(done), false);
  const drafts = (await orMissing(readdir(folder), [])).filter((one) => one.startsWith(`${basename(file)}.`));
  for (const draft of drafts) await orMissing(unlink(join(folder, draft)), undefined);
  await syncFolder(folder);
  await rmdir(folder).catch((error) => {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  });
  await syncFolder(dirname(folder));
  return removed || drafts.length > 0;
}
