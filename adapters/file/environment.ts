import { statSync } from "node:fs";
import { join } from "node:path";
import { refused, unavailable } from "./failure.ts";
import { fileNames, prepareFolder } from "./folder.ts";
import { openDatabase, type Read } from "./lmdb.ts";
import { Transactor } from "./transactor.ts";

/** A folder's database, shared by every store of this process that is on it. */
export interface Environment {
  readonly directory: string;
  readonly transactor: Transactor;
  readonly read: Read;
  /** Lets go of it; the last one closes the database. Rejects never. */
  release(): Promise<void>;
}

/** LMDB must not have the same files open twice in one process. */
const open = new Map<string, { readonly environment: Environment; users: number }>();

/** Tells one file from another that took its place. */
const identify = (path: string): string | undefined => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
};

/**
 * Opens a folder, or joins those who have it open already.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` without LMDB, or when everybody may write to the folder.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`, naming the folder.
 */
export function enter(path: string): Environment {
  const directory = prepareFolder(path);
  const shared = open.get(directory);
  if (shared !== undefined) {
    shared.users++;
    return shared.environment;
  }
  const database = openDatabase(directory);
  const files = fileNames.map((name) => join(directory, name));
  const opened = files.map(identify);

  function requireInPlace(): void {
    if (files.every((file, index) => identify(file) === opened[index])) return;
    // What is open has no name any more: other processes would share neither data nor lock with it.
    throw refused(directory, "its files were removed or replaced while in use; restart the process", false);
  }

  const read: Read = (step) => {
    try {
      requireInPlace();
      // Not what was newest when this turn began: another process may have told us of its write since.
      database.resetReadTxn();
      return step(database);
    } catch (error) {
      throw unavailable(directory, error);
    } finally {
      database.resetReadTxn(); // a snapshot that is held on to makes the file grow
    }
  };

  const environment: Environment = {
    directory,
    transactor: new Transactor(directory, database, read),
    read,
    async release() {
      if (--entry.users > 0) return;
      if (open.get(directory) === entry) open.delete(directory);
      await database.close().catch(() => {});
    },
  };
  const entry = { environment, users: 1 };
  open.set(directory, entry);
  return environment;
}
