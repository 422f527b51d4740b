import type { StoredLine } from "./stored-line.ts";

/** How dearly a record is kept when there is no room: the lowest are dropped first. */
export type Rank = 0 | 1 | 2;

/** A record that waits to be written, serialized when it was handed over; an empty text only wants to be reached. */
export interface Entry extends StoredLine {
  readonly rank: Rank;
  /** Present while somebody waits for it; such an entry is never dropped. */
  waiter: Waiter | undefined;
}

/** Somebody who waits for an entry. */
export interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
  /** Whether it would rather wait for room than be refused. */
  readonly patient?: boolean;
  /** Ends a patient one's waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Records that wait to be written, in order, with room for so many and no more. */
export class Backlog {
  #entries: (Entry | undefined)[] = [];
  #start = 0;
  #live = 0;
  /** For each rank, before which index there is none left to drop. */
  #droppable: [number, number, number] = [0, 0, 0];

  get size(): number {
    return this.#live;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#live++;
  }

  /** Takes the oldest entries, at least one, up to so many characters. */
  take(maxLength: number): Entry[] {
    const taken: Entry[] = [];
    let length = 0;
    let index = this.#start;
    for (; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry === undefined) continue;
      if (taken.length > 0 && length + entry.text.length > maxLength) break;
      length += entry.text.length;
      taken.push(entry);
    }
    this.#live -= taken.length;
    if (index === this.#entries.length) this.#replace([]);
    else if (index > 4096 && index * 2 > this.#entries.length) this.#replace(this.#entries.slice(index));
    else this.#start = index;
    return taken;
  }

  /**
   * Gives back what could not be written, in front of everything else, and takes out those who wait.
   * @param stays - Who may go on waiting.
   */
  putBack(entries: readonly Entry[], stays: (waiter: Waiter) => boolean): Waiter[] {
    const waiters: Waiter[] = [];
    const kept: Entry[] = [];
    for (const entry of [...entries, ...this.#entries.slice(this.#start)]) {
      if (entry?.waiter !== undefined && !stays(entry.waiter)) waiters.push(entry.waiter);
      else if (entry !== undefined) kept.push(entry);
    }
    this.#replace(kept);
    this.#live = kept.length;
    return waiters;
  }

  /** Those who wait, oldest first. */
  waiters(): readonly Waiter[] {
    return this.#entries.slice(this.#start).flatMap((entry) => entry?.waiter ?? []);
  }

  /** Takes out an entry that still waits. @returns Whether it did. */
  remove(waiter: Waiter): boolean {
    const index = this.#entries.findIndex((entry) => entry?.waiter === waiter);
    if (index < this.#start) return false; // taken, or never there
    this.#entries[index] = undefined;
    this.#live--;
    return true;
  }

  /**
   * Drops the oldest of the least dear entries until there are no more than `max`.
   * @returns How many were dropped.
   */
  trim(max: number): number {
    let dropped = 0;
    for (const rank of [0, 1, 2] as const) {
      let index = Math.max(this.#droppable[rank], this.#start);
      for (; this.#live > max && index < this.#entries.length; index++) {
        const entry = this.#entries[index];
        if (entry?.rank !== rank || entry.waiter !== undefined) continue;
        this.#entries[index] = undefined;
        this.#live--;
        dropped++;
      }
      this.#droppable[rank] = index;
    }
    // Holes are closed now and then, or a disk that stays full for hours would fill the memory.
    if (this.#entries.length > 2 * this.#live + 1024) this.#replace(this.#entries.slice(this.#start).filter(Boolean));
    return dropped;
  }

  #replace(entries: (Entry | undefined)[]): void {
    this.#entries = entries;
    this.#start = 0;
    this.#droppable = [0, 0, 0];
  }
}
