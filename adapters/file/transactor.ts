import { sleep } from "../../src/core/clock.ts";
import { type Change, conditionally } from "./conditionally.ts";
import { refused, unavailable } from "./failure.ts";
import { endKey, type Kept } from "./layout.ts";
import type { LmdbDatabase, Read } from "./lmdb.ts";
import { Operation, type Patience, type Step } from "./operation.ts";
import { Versions } from "./versions.ts";

/** Most operations in one transaction: bounds how long others wait for it. */
const batchSize = 1000;
/** Most characters in one transaction, unless one value alone is longer. */
const batchLength = 4 * 1024 * 1024;
/** For how long nothing is tried after the disk failed, in milliseconds: LMDB prints each failure. */
const pauseMs = 100;

/** What a transaction does with one key. */
interface Touched {
  readonly before: Kept | undefined;
  after: Kept | undefined;
  /** Tells those who wait, once it is certain. */
  readonly tell: (() => void)[];
  readonly operations: Operation[];
}

/** Reads an entry as it is, past its end or not. */
export function readEntry(database: LmdbDatabase, key: Buffer): Kept | undefined {
  const found = database.getEntry(key);
  if (found === undefined) return undefined;
  const [value, endsAt] = found.value;
  return { value, endsAt: endsAt ?? Number.POSITIVE_INFINITY, version: found.version ?? 0 };
}

/**
 * Runs read-modify-write steps, exactly, among all processes on the folder: each is computed on a
 * snapshot and written on the condition that its key still has the version it had there, else
 * computed anew. LMDB's own threads check and write, so that no process holds the lock while its
 * event loop is busy. One transaction is under way at a time; what arrives meanwhile shares the next.
 */
export class Transactor {
  readonly #directory: string;
  readonly #database: LmdbDatabase;
  readonly #read: Read;
  readonly #versions = new Versions();
  #waiting = new Set<Operation>();
  #running = false;

  constructor(directory: string, database: LmdbDatabase, read: Read) {
    this.#directory = directory;
    this.#database = database;
    this.#read = read;
  }

  /**
   * Runs a step on one key.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: it may or may not have been written.
   * @throws `signal.reason` when the signal aborts; what the step throws.
   */
  run<T>(key: Buffer, step: Step<T>, patience: Patience): Promise<T> {
    if (patience.signal?.aborted) return Promise.reject(patience.signal.reason);
    const late = () => refused(this.#directory, `no answer within ${patience.timeoutMs} ms`, true);
    const operation = new Operation(key, step, patience, late);
    this.#waiting.add(operation as Operation);
    if (!this.#running) void this.#work();
    return operation.done.finally(() => this.#waiting.delete(operation as Operation));
  }

  async #work(): Promise<void> {
    this.#running = true;
    await new Promise(setImmediate); // whoever comes in this turn shares the transaction
    while (this.#waiting.size > 0) {
      const batch = this.#take();
      try {
        await this.#versions.reserve(batch.length, this.#database, this.#read);
        await this.#commit(this.#compute(batch));
      } catch (error) {
        for (const operation of batch) operation.reject(unavailable(this.#directory, error));
        await sleep((batch[0] as Operation).clock, pauseMs);
      }
    }
    this.#running = false;
  }

  #take(): Operation[] {
    const batch: Operation[] = [];
    for (const operation of this.#waiting) {
      if (batch.length === batchSize) break;
      this.#waiting.delete(operation);
      batch.push(operation);
    }
    return batch;
  }

  /** Runs the steps in turn on one snapshot; those for which there is no room wait for the next. */
  #compute(batch: readonly Operation[]): Map<string, Touched> {
    const all = new Map<string, Touched>();
    let length = 0;
    const rest: Operation[] = [];
    this.#read((database) => {
      for (const operation of batch) {
        if (operation.settled) continue;
        if (length > batchLength) {
          rest.push(operation);
          continue;
        }
        const name = operation.key.toString("latin1");
        const touched = all.get(name) ?? untouched(readEntry(database, operation.key));
        all.set(name, touched);
        touched.operations.push(operation);
        length += this.#step(operation, touched);
      }
    });
    this.#again(rest);
    return all;
  }

  /** @returns How many characters are written. */
  #step(operation: Operation, touched: Touched): number {
    try {
      const { result, write } = operation.step(touched.after);
      if (write !== undefined)
        touched.after = write === null ? undefined : { ...write, version: this.#versions.take() };
      touched.tell.push(() => operation.resolve(result));
      return write?.value.length ?? 0;
    } catch (error) {
      touched.tell.push(() => operation.reject(error));
      return 0;
    }
  }

  async #commit(all: ReadonlyMap<string, Touched>): Promise<void> {
    const changed: Touched[] = [];
    for (const touched of all.values()) {
      if (touched.after === touched.before) tell(touched);
      else changed.push(touched);
    }
    if (changed.length === 0) return;
    const held = await conditionally(
      this.#database,
      changed.map((touched) => this.#change(touched)),
    );
    const outrun = changed.filter((touched, index) => {
      if (held[index]) tell(touched);
      return !held[index];
    });
    this.#again(outrun.flatMap(({ operations }) => operations));
  }

  #change({ before, after, operations }: Touched): Change {
    const { key } = operations[0] as Operation;
    const write = () => {
      if (before !== undefined && before.endsAt !== after?.endsAt && Number.isFinite(before.endsAt)) {
        void this.#database.remove(endKey(before.endsAt, key));
      }
      if (after === undefined) {
        void this.#database.remove(key);
        return;
      }
      const ends = Number.isFinite(after.endsAt);
      void this.#database.put(key, [after.value, ends ? after.endsAt : null], after.version);
      if (ends) void this.#database.put(endKey(after.endsAt, key), ["", null], 0);
    };
    return { key, version: before?.version, write };
  }

  /** Lets operations wait in front of all others. */
  #again(operations: readonly Operation[]): void {
    if (operations.length > 0)
      this.#waiting = new Set([...operations.filter(({ settled }) => !settled), ...this.#waiting]);
  }
}

const untouched = (before: Kept | undefined): Touched => ({ before, after: before, tell: [], operations: [] });

function tell({ tell: all }: Touched): void {
  for (const one of all) one();
}
