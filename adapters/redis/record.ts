import { GuardError } from "../../src/core/errors.ts";
import type { Versioned } from "../../src/core/state-store.ts";

/**
 * How an entry is kept: version, end of life on the injected clock (`-` where Redis itself ends it),
 * and the value, with a blank between them.
 */
const format = /^([^ ]+) ([^ ]+) (.*)$/s;

/** @throws {@link GuardError} `ERR_CONFIG_INVALID` for half a surrogate pair: in UTF-8 two such keys would be one. */
export function wellFormed(key: string): string {
  if (!/\p{Surrogate}/u.test(key)) return key;
  throw new GuardError("ERR_CONFIG_INVALID", "state: a key is no well-formed text");
}

/** Makes half a surrogate pair survive UTF-8, which would put U+FFFD in its place. */
export const escapeText = (value: string): string =>
  value.replace(/\ufffd|\p{Surrogate}/gu, (odd) => `\ufffd${odd.charCodeAt(0).toString(16)}`);

const unescapeText = (value: string) =>
  value.replace(/\ufffd([0-9a-f]{4})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));

/** Puts an entry together. */
export const encode = (version: string, endsAt: number | undefined, value: string): string =>
  `${version} ${endsAt ?? "-"} ${escapeText(value)}`;

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
  return now !== undefined && Number(endsAt) <= now ? undefined : { value: unescapeText(value), version };
}

/** What is said of a key that does not hold what it should. */
export function foreign(key: string): GuardError {
  return new GuardError("ERR_CONFIG_INVALID", `state["${key}"]: holds something that this library did not write`);
}
