import type { Random } from "../core/clock.ts";

/** Randomness that repeats: the same seed gives the same numbers. */
export interface SeededRandom extends Random {
  /**
   * A stream of its own, decided by this stream's seed and the label alone: numbers drawn from one
   * stream never change another.
   */
  fork(label: string): SeededRandom;
}

/** 64 bits of text, as two words (cyrb53's mixing, unfolded). */
function hash(text: string): [number, number] {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a >>> 0, b >>> 0];
}

/**
 * Makes randomness that repeats (sfc32). For simulations only: it is not cryptographic.
 *
 * @param seed - Any number or text.
 * @returns Numbers in `[0, 1)` with 53 random bits.
 * @example
 * import { seededRandom } from "provider-guard/testing";
 * const random = seededRandom(7);
 * const latencies = random.fork("latency"); // not disturbed by what `random` is used for
 */
export function seededRandom(seed: number | string): SeededRandom {
  const name = String(seed);
  let [a, b] = hash(name);
  let c = 0;
  let counter = 1;

  function next(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  }
  for (let i = 0; i < 15; i++) next();

  const random = () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
  return Object.assign(random, { fork: (label: string) => seededRandom(`${name}\u0000${label}`) });
}
