import type { Versioned } from "../../src/core/state-store.ts";
import type { Environment } from "./environment.ts";
import { entryRange, keyOf } from "./layout.ts";

/** Entries that are read at once. */
const pageSize = 100;

/**
 * Yields the entries with a prefix, page by page: between two pages no snapshot is held. Ends at
 * the key that is the last one now, so that it ends however fast others write.
 *
 * @param now - Asked before each page; throws where the scan must end.
 */
export async function* scan(
  environment: Environment,
  prefix: string,
  now: () => number,
): AsyncGenerator<readonly [key: string, entry: Versioned]> {
  const range = entryRange(prefix);
  const [last] = environment.read((database) => [
    ...database.getKeys({ start: range.end, end: range.start, inclusiveEnd: true, reverse: true, limit: 1 }),
  ]);
  if (last === undefined) return;
  let from: { readonly start: Buffer; readonly exclusiveStart?: boolean } = { start: range.start };
  for (;;) {
    const at = now();
    const page = environment.read((database) => [
      ...database.getRange({ ...from, end: last, inclusiveEnd: true, versions: true, limit: pageSize }),
    ]);
    for (const { key, value, version } of page) {
      const [text, endsAt] = value;
      if (endsAt === null || endsAt > at) yield [keyOf(key), { value: text, version: String(version) }];
    }
    const end = page.at(-1)?.key;
    if (end === undefined || page.length < pageSize) return;
    from = { start: end, exclusiveStart: true };
  }
}
