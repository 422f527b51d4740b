import { randomFillSync } from "node:crypto";
import type { Clock, Random } from "./clock.ts";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford base 32, lower case: valid in labels everywhere
const pool = new Uint32Array(512);
let taken = pool.length;

/** Cryptographically strong randomness in `[0, 1)`, drawn from the system in batches. */
export const systemRandom: Random = () => {
  if (taken + 2 > pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  const high = (pool[taken++] as number) >>> 5;
  const low = (pool[taken++] as number) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
};

const pairs = Array.from({ length: 1024 }, (_, n) => `${alphabet[n >> 5]}${alphabet[n & 31]}`);

/** The last `count` digits of a number in base 32, two at a time. */
function digits(value: number, count: number): string {
  let rest = value;
  let text = "";
  for (let i = 0; i < count; i += 2) {
    const higher = Math.floor(rest / 1024);
    text = pairs[rest - higher * 1024] + text;
    rest = higher;
  }
  return text;
}

let lastTime = -1;
let lastPrefix = "";

/**
 * Makes a 26-character identifier that sorts by time: 50 bits of milliseconds, 80 random bits.
 * It is a valid label value and idempotency token in every cloud known to us.
 */
export function newId(clock: Clock, random: Random): string {
  const now = Math.max(0, Math.floor(clock.now()));
  if (now !== lastTime) {
    lastTime = now;
    lastPrefix = digits(now, 10);
  }
  return lastPrefix + digits(Math.floor(random() * 2 ** 40), 8) + digits(Math.floor(random() * 2 ** 40), 8);
}
