import { GuardError } from "../../src/core/errors.ts";
import type { Versioned } from "../../src/core/state-store.ts";

/**
 * How an entry is kept: version, end of life on the injected clock (`-` where Redis itself ends it),
 * and the value, with a blank between them.
 */
const format = /^([^ ]+) ([^ ]+) (.*)$/s;

/** Text that comes back as it was. @throws {@link GuardError} `ERR_CONFIG_INVALID` for half a surrogate pair. */
export function wellFormed(text: string, path: string): string {
  // UTF-8 cannot carry it: two different keys would be one.
  if (/\p{Surrogate}/u.test(text)) throw new GuardError("ERR_CONFIG_INVALID", `${path}: not a valid Unicode string`);
  return text;
}

/** Puts an entry together. */
export const encode = (version: string, endsAt: number | undefined, value: string): string =>
  `${version} ${endsAt ?? "-"} ${value}`;

/**
 * Takes an entry apart.
 *
 * @param now - The injected clock's time, where there is one.
 * @returns `undefined` where the entry is missing, or its life is over.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for something that another program wrote.
 */
export function decode(raw: unknown, key: string, now: number | undefined): Versioned | undefined {
  if (typeof raw !== "string") return undefined;
  const [, version, endsAt, value] = format.exec(raw) ?? [];
  if (version === undefined || value === undefined) throw foreign(key);
  return now !== undefined && Number(endsAt) <= now ? undefined : { value, version };
}

/** What is said of a key that does not hold what it should. */
export function foreign(key: string): GuardError {
  return new GuardError("ERR_CONFIG_INVALID", `state["${key}"]: holds something that this library did not write`);
}
