import { seededRandom } from "provider-guard/testing";
import { expect, it } from "vitest";
import { looksRandom } from "../../src/bootstrap/user-data/entropy.ts";

const base36 = "abcdefghijklmnopqrstuvwxyz0123456789";
const base64 = `ABCDEFGHIJKLMNOPQRSTUVWXYZ${base36}+/`;
const words = 5_000;

/** Which share of random words is taken for random: what docs/guides/user-data-guard.md says. */
it.each([
  [24, base64, 0.96],
  [32, base64, 0.988],
  [40, base64, 0.995],
  [64, base64, 0.998],
  [24, base36, 0.74],
  [32, base36, 0.81],
  [40, base36, 0.86],
  [64, base36, 0.9],
])("of words of %i characters out of %s", (length, alphabet, least) => {
  const random = seededRandom(7);
  let found = 0;
  for (let i = 0; i < words; i++) {
    const word = Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
    if (looksRandom(word)) found++;
  }
  expect(found / words).toBeGreaterThan(least);
  expect(found / words).toBeLessThan(least + 0.04);
});
