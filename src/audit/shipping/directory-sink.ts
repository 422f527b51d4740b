import { type FileHandle, open } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { createDurably, prepareDirectory } from "../directory.ts";
import { notShipped } from "./not-shipped.ts";
import type { ShippedObject, ShippingSink } from "./sink.ts";

/** Options of {@link directorySink}. */
export interface DirectorySinkOptions {
  /** On another disk or machine, e.g. a mounted volume. Made with mode 0700 if it does not exist. */
  readonly directory: string;
  /** @defaultValue `"directory"` */
  readonly name?: string;
}

const schema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .refine((path) => !path.includes("\0"), "must not hold a zero byte"),
  name: z.string().default("directory"),
});

/**
 * Ships to a directory: `<directory>/<chain>/` becomes a copy of the journal, segment by segment and
 * byte by byte, which `verifyJournal` reads as it is. A part is acknowledged once it is durable
 * (fdatasync). What is there already is compared and never written over: a copy that differs, or from
 * which something is missing, takes nothing more.
 *
 * @param options - See {@link DirectorySinkOptions}.
 * @returns A sink for `shipping`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { directorySink, shipping } from "provider-guard/audit";
 * shipping({ sinks: [directorySink({ directory: "/mnt/evidence" })] });
 */
export function directorySink(options: DirectorySinkOptions): ShippingSink {
  const { directory, name } = parseOptions(schema, options, "directorySink");
  return {
    name,
    async put(object) {
      const folder = join(resolve(directory), object.chain);
      await prepareDirectory(folder);
      const path = join(folder, object.file);
      const handle = await open(path, "r+").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      if (handle === undefined) {
        if (object.offset > 0) throw notShipped(name, `${path} is missing; restore it, or give the sink a new name`);
        await createDurably(folder, object.file, object.bytes);
        return;
      }
      try {
        await add(handle, object, (what) => notShipped(name, `${path} ${what}`));
      } finally {
        await handle.close();
      }
    },
  };
}

/** Writes what is not there yet. */
async function add(
  handle: FileHandle,
  { bytes, offset }: ShippedObject,
  refuse: (what: string) => Error,
): Promise<void> {
  const { size } = await handle.stat();
  if (size < offset) throw refuse(`was cut to ${size} bytes; ${offset} were shipped`);
  const there = Buffer.alloc(Math.min(size - offset, bytes.length));
  await handle.read(there, 0, there.length, offset);
  if (!there.equals(bytes.subarray(0, there.length))) throw refuse(`differs from the journal after byte ${offset}`);
  for (let done = there.length; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    if (bytesWritten === 0) throw refuse("takes no more bytes");
    done += bytesWritten;
  }
  await handle.datasync();
}
