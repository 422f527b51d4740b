import { base64Runs, wordsOf } from "./base64-runs.ts";
import { dataUrlsIn } from "./data-urls.ts";
import { looksRandom } from "./entropy.ts";
import { isComplete } from "./meaning.ts";
import { namedValues } from "./named-value.ts";
import { blanked, publicParts, type Range } from "./public-parts.ts";
import { sealedParts } from "./sealed-parts.ts";
import type { Search } from "./search.ts";
import { patterns } from "./token-patterns.ts";
import { inside, type Places, placesIn } from "./where.ts";

const decoded = (run: string) => Buffer.from(run, "base64");

function searchRun(run: string, where: string, search: Search): void {
  if (/^[0-9a-f-]+$/i.test(run)) return; // digests and UUIDs
  const bytes = decoded(run);
  if (search.isSealed(bytes)) return;
  const meaning = search.meaningOf(bytes);
  if (meaning !== undefined) search.decoded(bytes, meaning, inside(where, "base64"));
  else if (search.entropy && looksRandom(run)) search.add("high-entropy", where);
}

/** What is taken for sealed may look random: it is searched where it reads as something whole, and else left alone. */
function searchSealed(text: string, where: string, search: Search): void {
  for (const run of wordsOf(text)) {
    if (isComplete(search.meaningOf(decoded(run)))) searchRun(run, where, search);
  }
}

/** @returns Where they stand. */
function searchDataUrls(text: string, places: Places, search: Search): Range[] {
  return dataUrlsIn(text).map(({ from, to, isBase64, body }) => {
    const where = places.offset(from);
    if (isBase64) searchRun(body, where, search);
    else search.text(body, inside(where, "data URL"));
    return [from, to];
  });
}

/**
 * Searches a text for what needs no structure: known forms, values under telling names, `data:` URLs, base64, and
 * strings that look random.
 *
 * @param pathAt - The path that a line has, counted from 1.
 */
export function searchLines(text: string, where: string, pathAt: (line: number) => string, search: Search): void {
  const places = placesIn(text, where, pathAt);
  for (const { kind, expression, holds } of patterns) {
    for (const found of text.matchAll(expression)) {
      if (holds?.(found, text) ?? true) search.add(kind, places.offset(found.index));
    }
  }
  const { opaque = [], tokens = [], chunk } = sealedParts(text) ?? {};
  if (chunk !== undefined) search.chunks.add(chunk);
  for (const [from, to] of [...opaque, ...tokens]) searchSealed(text.slice(from, to), places.offset(from), search);
  const open = blanked(text, tokens);
  for (const { kind, index } of namedValues(open)) search.add(kind, places.offset(index));
  const urls = searchDataUrls(open, places, search);
  const rest = blanked(open, [...urls, ...opaque, ...publicParts(open)]);
  const reads = (run: string) => search.isSealed(decoded(run)) || isComplete(search.meaningOf(decoded(run)));
  for (const { run, line } of base64Runs(rest, reads)) searchRun(run, places.line(line), search);
}
