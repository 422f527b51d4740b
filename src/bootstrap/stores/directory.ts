import { mkdir, open, readdir, readFile, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import * as z from "zod";
import { abortable } from "../../core/abort.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { parseOptions } from "../../core/config.ts";
import { GuardError, isGuardError } from "../../core/errors.ts";
import type { ReadableBootstrapStore, StoredItem } from "../contract.ts";
import { parseItemName } from "../item-name.ts";
import { headerBytes, readHeader, writeHeader } from "./directory-item.ts";
import { directoryOpener, markerName } from "./directory-opener.ts";
import { codeOf, exists, orMissing, removeOnce, syncFolder, writeOnce } from "./durable-file.ts";

/** Options of {@link directoryStore}. */
export interface DirectoryStoreOptions {
  /** Absolute path of the folder; made with mode 0700 if it is not there. Give it to nothing else. */
  readonly path: string;
  /**
   * Absolute path under which machines have the same folder mounted; to forget an item they must be able to write.
   * @defaultValue machines cannot reach it: something else hands the items out
   */
  readonly machinePath?: string;
  /** Bytes of the largest item. @defaultValue 1048576 */
  readonly maxItemBytes?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const absolute = z
  .string()
  .refine((path) => isAbsolute(path) && !path.includes("\0"), "expected an absolute path without a zero byte");

const schema = z.strictObject({
  path: absolute,
  machinePath: absolute.optional(),
  maxItemBytes: z
    .int()
    .min(1024)
    .max(2 ** 30)
    .default(2 ** 20),
  clock: z.looseObject({ now: z.function() }).optional(),
});

const idPattern = /^[0-9a-f]{32}$/;

/**
 * Keeps items in a folder: for tests, for machines that mount it, and behind a store that hands them out. An item
 * is on the disk, whole, once it is put, and gone from there once it is deleted. A process that is killed in
 * between leaves no half of an item under its name; what else it leaves is deleted with the item. Expired
 * items stay until `sweep` of the vault deletes them.
 *
 * The folder is for one user of one machine, or on a file system that has hard links (NFS has).
 *
 * @param options - See {@link DirectoryStoreOptions}.
 * @returns A store whose items the controller can read, too.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path of the option; per operation for a name that is
 *   none of an item, an item that is too large, or another one under a name that is taken.
 * @throws {@link GuardError} `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (per operation, retryable): the file system failed,
 *   is full, or does not let us.
 * @example
 * import { directoryStore } from "provider-guard/bootstrap";
 * const store = directoryStore({ path: "/srv/bootstrap", machinePath: "/mnt/bootstrap" });
 */
export function directoryStore(options: DirectoryStoreOptions): ReadableBootstrapStore {
  const { path, machinePath, maxItemBytes } = parseOptions(schema, options, "directoryStore");
  const clock = options.clock ?? systemClock;
  const marker = join(path, markerName);
  let prepared: Promise<void> | undefined;

  async function prepare(): Promise<void> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if ((await stat(path)).mode & 0o002) {
      throw new GuardError("ERR_CONFIG_INVALID", `directoryStore.path ${path}: everybody may write to it`);
    }
    await (await open(marker, "a", 0o644)).close();
    await syncFolder(path);
  }

  /** Runs an operation with the folder there; failures of the file system say which folder it was. */
  async function guarded<T>(work: () => Promise<T>, signal: AbortSignal | undefined, leave = true): Promise<T> {
    signal?.throwIfAborted();
    try {
      prepared ??= prepare().catch((error) => {
        prepared = undefined;
        throw error;
      });
      await prepared;
      await stat(marker); // a folder that is not mounted any more has no items, and that says nothing
      return await abortable(work(), leave ? signal : undefined);
    } catch (error) {
      if (isGuardError(error) || signal?.aborted) throw error;
      const message = `directoryStore.path ${path}: ${codeOf(error) ?? "failed"}`;
      throw new GuardError("ERR_BOOTSTRAP_STORE_UNAVAILABLE", message, {
        cause: error,
        retryable: true,
        requeueAfterMs: 10_000,
      });
    }
  }

  function fileOf(name: string): string {
    const { id, index } = parseItemName(name, "directoryStore");
    return join(path, id, String(index));
  }

  async function read(name: string): Promise<Uint8Array | undefined> {
    const content = await orMissing(readFile(fileOf(name)), undefined);
    return content && readHeader(content, name) && content.subarray(headerBytes);
  }

  async function write(name: string, header: Uint8Array, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (await writeOnce(fileOf(name), [header, bytes], signal)) return;
    const there = await read(name);
    if (there === undefined || Buffer.compare(there, bytes) !== 0) {
      throw new GuardError("ERR_CONFIG_INVALID", `directoryStore: another item has the name ${name}`);
    }
  }

  async function headerOf(id: string, file: string) {
    const handle = await orMissing(open(join(path, id, file), "r"), undefined);
    if (handle === undefined) return undefined;
    try {
      const { buffer } = await handle.read(Buffer.alloc(headerBytes), 0, headerBytes, 0);
      return readHeader(buffer, `${id}/${Number.parseInt(file, 10)}`);
    } finally {
      await handle.close();
    }
  }

  /** Items of one sealing, those that were only half written included. */
  async function itemsOf(id: string, managementCluster: string): Promise<StoredItem[]> {
    const found = new Map<string, StoredItem>();
    for (const file of await orMissing(readdir(join(path, id)), [])) {
      const header = await headerOf(id, file);
      if (header?.managementCluster !== managementCluster) continue;
      const { managementCluster: _, ...item } = header;
      found.set(item.name, item);
    }
    return [...found.values()];
  }

  return {
    name: "directory",
    maxItemBytes,
    maxItems: 1024,
    expires: false,
    async put(name, bytes, binding, { signal } = {}) {
      if (bytes.length > maxItemBytes) {
        const message = `directoryStore: an item of ${bytes.length} bytes; maxItemBytes is ${maxItemBytes}`;
        throw new GuardError("ERR_CONFIG_INVALID", message);
      }
      // Not left to itself by an abort: nothing may appear after this has settled.
      await guarded(() => write(name, writeHeader(name, binding, clock.now()), bytes, signal), signal, false);
    },
    get: (name, { signal } = {}) => guarded(() => read(name), signal),
    delete: (name, { signal } = {}) => guarded(() => removeOnce(fileOf(name)), signal),
    has: (name, { signal } = {}) => guarded(() => exists(fileOf(name)), signal),
    async *list({ managementCluster, id, signal }) {
      const ids = id === undefined ? await guarded(() => readdir(path), signal) : [id];
      for (const one of ids.filter((each) => idPattern.test(each))) {
        yield* await guarded(() => itemsOf(one, managementCluster), signal);
      }
    },
    opener: async () => (machinePath === undefined ? undefined : directoryOpener(machinePath, headerBytes)),
  };
}
