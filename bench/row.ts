// What a row of the benchmark is, and how it is measured: in rounds that alternate between the
// library and the alternative, so that a machine whose speed drifts slows both down alike.

export interface Figure {
  readonly value: number;
  readonly alternatives: readonly { readonly name: string; readonly value: number }[];
}

export interface Row {
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  readonly better: "lower" | "higher";
  /** The figure of the design that is to be reached. */
  readonly goal: number;
  /** Processes to measure it in, where one process differs from the next. @defaultValue 1 */
  readonly processes?: number;
  /** What it needs and this machine has not; a row that lacks something is left out. */
  missing?(): string | undefined | Promise<string | undefined>;
  run(): Promise<Figure>;
}

/** The median of what several processes measured. */
export function middle(figures: readonly Figure[]): Figure {
  const [first] = figures as [Figure];
  return {
    value: median(figures.map(({ value }) => value)),
    alternatives: first.alternatives.map(({ name }, index) => ({
      name,
      value: median(figures.map(({ alternatives }) => alternatives[index]?.value ?? Number.NaN)),
    })),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Runs every contender once per round, in turn, and returns each one's median; the first round does not count. */
export async function inTurns(rounds: number, contenders: readonly (() => Promise<number>)[]): Promise<number[]> {
  const results: number[][] = contenders.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const value = await contender();
      if (round > 0) results[index]?.push(value);
    }
  }
  return results.map(median);
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets timers and I/O have their turn, as a controller's event loop does all the time. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Microseconds per call of `count` calls one after another. */
export async function microsPerCall(count: number, call: (index: number) => unknown): Promise<number> {
  const ms = await timed(async () => {
    for (let index = 0; index < count; index++) {
      await call(index);
      if (index % 100 === 99) await breathe();
    }
  });
  return (ms * 1000) / count;
}
