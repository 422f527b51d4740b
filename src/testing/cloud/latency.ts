import type { Random } from "../../core/clock.ts";

/** How long requests take, in milliseconds: half of them between `minMs` and `typicalMs`, the rest in a tail. */
export interface Latency {
  /** @defaultValue 15 */
  readonly minMs?: number;
  /** The median. @defaultValue 60 */
  readonly typicalMs?: number;
  /** @defaultValue 600 */
  readonly maxMs?: number;
}

/** Draws latencies in whole milliseconds; `false` makes requests take no time. */
export function latencies(latency: Latency | false, random: Random): () => number {
  if (latency === false) return () => 0;
  const { minMs = 15, typicalMs = Math.max(60, minMs), maxMs = Math.max(600, typicalMs) } = latency;
  return () => {
    const share = random() * 2;
    if (share < 1) return Math.round(minMs + (typicalMs - minMs) * share);
    return Math.round(typicalMs + (maxMs - typicalMs) * (share - 1) ** 4);
  };
}
