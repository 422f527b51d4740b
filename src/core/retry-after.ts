import type { HeaderReader } from "./header-reader.ts";

const longestMs = 24 * 60 * 60 * 1000;
const inMs = ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"];

const bounded = (ms: number) => Math.min(Math.ceil(ms), longestMs);
const isNumber = (text: string) => /^\d+(?:\.\d+)?$/.test(text);

/**
 * Reads how long the cloud asks to wait: the vendors' headers in milliseconds first, then
 * `Retry-After` in seconds or as a date, which is read against the answer's own `Date`.
 *
 * @returns Milliseconds, at most a day, or `undefined` where there is nothing readable.
 */
export function readRetryAfter(header: HeaderReader): number | undefined {
  for (const name of inMs) {
    const own = header(name);
    if (own !== undefined && isNumber(own)) return bounded(Number(own));
  }
  const text = header("retry-after");
  if (text === undefined) return undefined;
  if (isNumber(text)) return bounded(Number(text) * 1000);
  if (!text.endsWith(" GMT")) return undefined; // `Date.parse` takes "-1" for a year
  const ms = Date.parse(text) - Date.parse(header("date") ?? "");
  return Number.isNaN(ms) ? undefined : bounded(Math.max(0, ms));
}
