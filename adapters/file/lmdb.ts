import { createRequire } from "node:module";
import type { Database } from "lmdb";
import { GuardError } from "../../src/core/errors.ts";
import { refused, unavailable } from "./failure.ts";
import { syncDirectory } from "./folder.ts";
import { headKey, type Stored } from "./layout.ts";

/** Changes when entries are stored in another way. */
export const formatVersion = "1";

/** What is used of LMDB's package, beside what its types tell. */
interface Lmdb {
  open(path: string, options: object): LmdbDatabase;
  readonly nativeAddon: { readonly Txn: new (environment: unknown, flags: number) => { abort(): void } };
}

/** An open database with what is used of it, beside what its types tell. */
export type LmdbDatabase = Database<Stored, Buffer> & { readonly env: unknown };

/** Reads what is newest now. @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`. */
export type Read = <T>(step: (database: LmdbDatabase) => T) => T;

/**
 * Loads LMDB when the first store is made, as the package is optional.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` when it is not there, or not for this machine.
 */
export function loadLmdb(load: (name: string) => unknown = createRequire(import.meta.url)): Lmdb {
  try {
    return load("lmdb") as Lmdb;
  } catch (cause) {
    throw new GuardError("ERR_CONFIG_INVALID", "state: fileState needs the package lmdb; run npm install lmdb@^3.4.0", {
      cause,
    });
  }
}

const options = {
  noSubdir: false, // a dot in the folder's name makes no file of it
  overlappingSync: false, // a commit has reached the disk when its promise resolves
  eventTurnBatching: false, // batches of its own reject where nobody listens, which ends the process
  useVersions: true,
  keyEncoding: "binary",
  encoding: "json",
  permissionsMode: 0o600,
  maxDbs: 1,
};

const readOnly = 0x20000;
const tryAgain = 11;

/**
 * Takes this process's place among the readers. LMDB knows them by process id; it waits for ten
 * seconds and crashes where another container's process has the same one, so that is found out here.
 */
function enterReaders({ nativeAddon }: Lmdb, database: LmdbDatabase, directory: string): void {
  try {
    new nativeAddon.Txn(database.env, readOnly).abort();
  } catch (error) {
    if ((error as { code?: unknown }).code !== tryAgain) throw error;
    const reason = `a process of another container uses it, and has the same process id, ${process.pid}; give these containers one process namespace, or a folder each`;
    throw refused(directory, reason, false, error);
  }
}

/**
 * Opens the database in a folder that is ready for it.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` without LMDB's package.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`, naming the folder.
 */
export function openDatabase(directory: string, lmdb: Lmdb = loadLmdb()): LmdbDatabase {
  let database: LmdbDatabase | undefined;
  try {
    database = lmdb.open(directory, options);
    syncDirectory(directory); // the files may be new
    enterReaders(lmdb, database, directory);
    const format = database.get(headKey)?.[0] ?? formatVersion;
    database.resetReadTxn();
    if (format !== formatVersion) {
      throw refused(directory, `was written by another release, in format ${format}`, false);
    }
    return database;
  } catch (error) {
    void database?.close();
    throw unavailable(directory, error);
  }
}
