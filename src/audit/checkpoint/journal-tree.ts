import { Frontier } from "./frontier.ts";
import { journalStart, type LinePlace, readLeaves } from "./leaf-reader.ts";

/** A tree over a journal's first lines, in the form in which it is stored and continued. */
export interface TreeState {
  /** The tree's last line; its number is one less than the tree's size. */
  readonly last: LinePlace;
  /**
   * Frontier of all lines before the last one. With the last one's hash it leads to the root, so that a
   * signature under the root vouches for both, and for all lines before through the chain.
   */
  readonly peaks: readonly Buffer[];
}

/** The frontier of the whole tree. @throws `RangeError` when the peaks are not as many as they must be. */
export function frontierOf({ last, peaks }: TreeState): Frontier {
  if (last.seq < 0) return new Frontier();
  const frontier = new Frontier(last.seq, peaks);
  frontier.append(last.hash);
  return frontier;
}

/** The Merkle tree of a journal, as far as it was read. */
export class JournalTree {
  readonly #directory: string;
  /** All lines but the last. */
  #before: Frontier;
  #last: LinePlace;
  #starts: TreeState[] = [];

  constructor(directory: string, state: TreeState = { last: journalStart, peaks: [] }) {
    this.#directory = directory;
    this.#before = new Frontier(Math.max(0, state.last.seq), state.peaks);
    this.#last = state.last;
  }

  /** Lines in the tree. */
  get size(): number {
    return this.#last.seq + 1;
  }

  get state(): TreeState {
    return { last: this.#last, peaks: this.#before.peaks };
  }

  /** The trees before the segments that were begun since they were last forgotten, oldest first. */
  get starts(): readonly TreeState[] {
    return this.#starts;
  }

  forgetStarts(): void {
    this.#starts = [];
  }

  root(): Buffer {
    return frontierOf(this.state).root();
  }

  /**
   * Takes in the lines up to number `until`. After a failure it has those that were read.
   * @throws As {@link readLeaves}.
   */
  async grow(until: number, signal?: AbortSignal): Promise<void> {
    const take = (place: LinePlace): void => {
      if (place.segment > this.#last.segment) this.#starts.push(this.#start(place.segment));
      if (this.#last.seq >= 0) this.#before.append(this.#last.hash);
      this.#last = place;
    };
    await readLeaves(this.#directory, this.#last, until, take, signal);
  }

  /** The tree as it is, with its last line seen from the beginning of the segment that follows. */
  #start(segment: number): TreeState {
    const { last, peaks } = this.state;
    return { last: { ...last, segment, offset: 0 }, peaks };
  }
}
