import { conditionally } from "./conditionally.ts";
import { headKey } from "./layout.ts";
import { formatVersion, type LmdbDatabase, type Read } from "./lmdb.ts";

/** So many versions are taken at once, by one small transaction. */
const blockSize = 2 ** 22;

/**
 * Numbers that are given to one write each, whichever process writes: blocks of them are taken from
 * a counter in the database. They fit a double until two thousand million blocks were taken.
 */
export class Versions {
  #next = 0;
  #end = 0;

  /** Makes sure that there are so many to take. */
  async reserve(count: number, database: LmdbDatabase, read: Read): Promise<void> {
    while (this.#end - this.#next < count) {
      const last = read(() => database.getEntry(headKey)?.version);
      const block = (last ?? 0) + 1;
      const write = () => database.put(headKey, [formatVersion, null], block);
      const [taken] = await conditionally(database, [{ key: headKey, version: last, write }]);
      if (taken) [this.#next, this.#end] = [block * blockSize, (block + 1) * blockSize];
    }
  }

  take(): number {
    return this.#next++;
  }
}
