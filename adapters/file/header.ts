import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";

const magic = 0xbeefc0de;
const dataVersion = 2;
const noPage = 0xffff_ffff_ffff_ffffn;
/** Bytes of a page's own header, before what a meta page says. */
const pageHeader = 24;
const metaLength = 136;

interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  /** Where the trees of free pages and of entries begin. */
  readonly roots: readonly bigint[];
}

/** Reads one of the two pages that a database starts from; `undefined` where there is none. */
function metaAt(file: number, offset: number): Meta | undefined {
  const bytes = Buffer.alloc(metaLength);
  if (readSync(file, bytes, 0, metaLength, offset + pageHeader) < metaLength) return undefined;
  if (endianness() === "BE") return undefined;
  if (bytes.readUInt32LE(0) !== magic || bytes.readUInt16LE(4) !== dataVersion) return undefined;
  return {
    pageSize: bytes.readUInt32LE(24),
    roots: [bytes.readBigUInt64LE(64), bytes.readBigUInt64LE(112)],
    transaction: bytes.readBigUInt64LE(128),
  };
}

/**
 * Says what is wrong with a database file that LMDB would end the whole process for: something else
 * than a database, or one that was cut off.
 *
 * @returns `undefined` for a file that may be opened, an empty one included.
 * @throws what the system says where the file cannot be opened for reading and writing.
 */
export function damageOf(path: string): string | undefined {
  const file = openSync(path, "r+");
  try {
    const { size } = fstatSync(file);
    if (size === 0) return undefined;
    const first = metaAt(file, 0);
    const second = first && metaAt(file, first.pageSize);
    if (first === undefined || second === undefined) return "is not a database of this LMDB version";
    const newest = first.transaction > second.transaction ? first : second;
    const pages = BigInt(Math.floor(size / newest.pageSize));
    return newest.roots.some((root) => root !== noPage && root >= pages) ? "was cut off" : undefined;
  } finally {
    closeSync(file);
  }
}
