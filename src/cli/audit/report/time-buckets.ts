const second = 1_000;
const hour = 3_600_000;
const day = 86_400_000;

/** Widths of a bar, in milliseconds; each one divides the next. */
const widths = [1, 5, 15, 60, 300, 900]
  .map((n) => n * second)
  .concat(hour, 6 * hour, day, 7 * day, 28 * day, 364 * day);

const mostBars = 60;

/** Counts of one bar, by category. */
export type Bar<C extends string> = Readonly<Record<C, number>>;

/** Counts over time, in as many bars as fit a page: they get wider while time goes on. */
export class TimeBuckets<C extends string> {
  readonly #none: Record<C, number>;
  #bars = new Map<number, Record<C, number>>();
  #width = second;
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  constructor(categories: readonly C[]) {
    this.#none = Object.fromEntries(categories.map((name) => [name, 0])) as Record<C, number>;
  }

  get widthMs(): number {
    return this.#width;
  }

  add(at: number, category: C): void {
    this.#first = Math.min(this.#first, at);
    this.#last = Math.max(this.#last, at);
    while (this.#index(this.#last) - this.#index(this.#first) >= mostBars) this.#widen();
    const index = this.#index(at);
    const bar = this.#bars.get(index) ?? { ...this.#none };
    bar[category]++;
    this.#bars.set(index, bar);
  }

  /** Every bar from the first to the last, the empty ones too. */
  list(): readonly { readonly from: number; readonly counts: Bar<C> }[] {
    if (this.#bars.size === 0) return [];
    const [first, last] = [this.#index(this.#first), this.#index(this.#last)];
    return Array.from({ length: last - first + 1 }, (_, n) => ({
      from: (first + n) * this.#width,
      counts: this.#bars.get(first + n) ?? this.#none,
    }));
  }

  #index(at: number): number {
    return Math.floor(at / this.#width);
  }

  #widen(): void {
    const before = this.#width;
    this.#width = widths.find((width) => width > before) ?? before * 10;
    const bars = this.#bars;
    this.#bars = new Map();
    for (const [index, counts] of bars) {
      const wider = Math.floor((index * before) / this.#width);
      const sum = this.#bars.get(wider) ?? { ...this.#none };
      for (const name of Object.keys(counts) as C[]) sum[name] += counts[name];
      this.#bars.set(wider, sum);
    }
  }
}
