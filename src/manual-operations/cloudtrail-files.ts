import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { cloudTrailRecord } from "./cloudtrail-record.ts";
import { fieldsOf, parseJson } from "./fields.ts";
import { noting, type ReadingNotes, readingOf, type Trail, type TrailSpan } from "./trail.ts";
import type { TrailEvent } from "./trail-event.ts";

/** One delivered file: its path, or its bytes, gzip or not. */
export type TrailFile = string | Uint8Array;

/** Options of {@link cloudTrailFiles}. */
export interface CloudTrailFilesOptions {
  /** Gives the files that may tell of a span, e.g. a bucket's objects of those days; is asked anew for every reading. */
  readonly source: (span: TrailSpan) => AsyncIterable<TrailFile> | Iterable<TrailFile>;
  /**
   * Until when, in Unix milliseconds, everything is known to be among the files.
   * @defaultValue the time of the latest record
   */
  readonly deliveredTo?: () => number;
  /** The most bytes a file may have, unpacked. @defaultValue 67108864 */
  readonly maxFileBytes?: number;
  /** Milliseconds after which a file has certainly been delivered. @defaultValue 900000 */
  readonly deliveryDelayMs?: number;
}

const schema = z.strictObject({
  source: z.function(),
  deliveredTo: z.function().optional(),
  maxFileBytes: z
    .int()
    .positive()
    .default(64 * 1024 * 1024),
  deliveryDelayMs: z.number().min(0).default(900_000),
});

const unzip = promisify(gunzip);

async function bytesOf(file: TrailFile, maxBytes: number): Promise<Uint8Array> {
  if (typeof file !== "string") return file;
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) throw new RangeError("file too large");
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function recordsOf(file: TrailFile, maxBytes: number): Promise<readonly unknown[] | undefined> {
  const bytes = await bytesOf(file, maxBytes);
  if (bytes.length > maxBytes) return undefined;
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? await unzip(bytes, { maxOutputLength: maxBytes }) : bytes;
  const content = fieldsOf(parseJson(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString("utf8")));
  if (typeof content.digestS3Object === "string") return []; // a digest lies beside what it is of
  return Array.isArray(content.Records) ? content.Records : undefined;
}

/**
 * Reads the files that a CloudTrail trail delivers. A file that cannot be read, or unpacks to more
 * than `maxFileBytes`, makes the whole span unknown; the others are read nevertheless.
 *
 * @param options - See {@link CloudTrailFilesOptions}.
 * @returns A trail of whatever accounts and regions the files tell of.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { readdir } from "node:fs/promises";
 * import { join } from "node:path";
 * import { cloudTrailFiles } from "provider-guard/manual-operations";
 * const folder = "/var/cloudtrail";
 * const trail = cloudTrailFiles({
 *   async *source() {
 *     for (const name of await readdir(folder)) yield join(folder, name);
 *   },
 * });
 * @see AWS CloudTrail user guide, "CloudTrail log file examples", read 2026-11
 */
export function cloudTrailFiles(options: CloudTrailFilesOptions): Trail {
  const { maxFileBytes, deliveryDelayMs } = parseOptions(schema, options, "cloudTrailFiles");

  async function* events(
    span: TrailSpan,
    notes: ReadingNotes,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TrailEvent> {
    for await (const file of options.source(span)) {
      signal?.throwIfAborted();
      const records = await recordsOf(file, maxFileBytes).catch(() => undefined);
      if (records === undefined) notes.gap("a delivered file could not be read");
      for (const record of records ?? []) {
        const event = cloudTrailRecord(record);
        if (event === undefined) notes.malformed++;
        else yield event;
      }
    }
  }

  return {
    cloud: "aws",
    deliveryDelayMs,
    read: (span, { signal } = {}) =>
      readingOf(span, (notes) => noting(notes, events(span, notes, signal), options.deliveredTo?.())),
  };
}
