const mostGroups = 10_000;

/**
 * Counts by key, in bounded memory: keys that turn up when there is no more room are counted together.
 */
export class Groups<K extends Record<string, string>, C extends Record<string, number>> {
  readonly #groups = new Map<string, { readonly key: K; readonly counts: C }>();
  readonly #none: C;
  readonly #most: number;
  #others: C;
  #othersSeen = false;

  /** @param none - The counts at the beginning, each 0. */
  constructor(none: C, most = mostGroups) {
    this.#none = none;
    this.#others = { ...none };
    this.#most = most;
  }

  /** The counts of a key, to be changed in place. */
  at(key: K): C {
    const id = JSON.stringify(Object.values(key));
    const found = this.#groups.get(id);
    if (found !== undefined) return found.counts;
    if (this.#groups.size >= this.#most) {
      this.#othersSeen = true;
      return this.#others;
    }
    const counts = { ...this.#none };
    this.#groups.set(id, { key, counts });
    return counts;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** The keys with the highest counts, and the sum of all others if there are any. */
  top(
    count: number,
    weight: (counts: C) => number,
  ): { readonly rows: readonly { key: K; counts: C }[]; readonly others: C | undefined } {
    const sorted = [...this.#groups.values()].sort((a, b) => weight(b.counts) - weight(a.counts));
    const rest = sorted.slice(count);
    const others: Record<string, number> = { ...this.#others };
    for (const { counts } of rest) {
      for (const [name, value] of Object.entries(counts)) others[name] = (others[name] ?? 0) + value;
    }
    return {
      rows: sorted.slice(0, count),
      others: this.#othersSeen || rest.length > 0 ? (others as C) : undefined,
    };
  }
}
