import { constants, createGzip, type Gzip, type ZlibReset } from "node:zlib";

interface Job {
  readonly data: Buffer;
  readonly level: number;
  readonly signal: AbortSignal | undefined;
  resolve(compressed: Buffer): void;
  reject(error: unknown): void;
}

/** Twice as many as Node's thread pool has threads, unless told otherwise: so that none waits for this thread. */
const maxWorkers = 8;
/** Each write makes a whole file, and all of it waits to be read. */
const options = { flush: constants.Z_FINISH, readableHighWaterMark: 4 * 1024 ** 2 } as const;

const waiting: Job[] = [];
let workers = 0;

/**
 * Gzip on the thread pool. While others wait, a compressor goes on with the next, since making one takes as long as
 * 16 KB do; it is closed when nobody waits, for its window holds what was secret.
 *
 * @param data - Belongs to this function, which overwrites it.
 * @param level - 1 to 9.
 * @param signal - Whoever still waits when it aborts is left out.
 */
export function compress(data: Buffer, level: number, signal: AbortSignal | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    waiting.push({ data, level, signal, resolve, reject });
    if (workers < maxWorkers) void work();
  });
}

async function work(): Promise<void> {
  workers++;
  let held: { readonly gzip: Gzip & ZlibReset; readonly level: number } | undefined;
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
    const { data, level, signal } = job;
    try {
      signal?.throwIfAborted();
      if (held?.level === level) held.gzip.reset();
      else {
        held?.gzip.close();
        held = undefined;
        held = { gzip: createGzip({ ...options, level }) as Gzip & ZlibReset, level };
      }
      job.resolve(await writeTo(held.gzip, data));
    } catch (error) {
      held?.gzip.close();
      held = undefined;
      job.reject(error);
    } finally {
      data.fill(0);
    }
  }
  held?.gzip.close();
  workers--;
}

function writeTo(gzip: Gzip, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip.once("error", reject);
    gzip.write(data, (error) => {
      if (error != null) return reject(error);
      gzip.off("error", reject);
      resolve(gzip.read() as Buffer);
    });
  });
}
