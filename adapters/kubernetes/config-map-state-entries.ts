import { GuardError } from "../../src/core/errors.ts";
import type { Versioned } from "../../src/core/state-store.ts";

/** What is kept under one key. */
export interface Entry extends Versioned {
  /** Unix milliseconds; `undefined`: kept until deleted. */
  readonly endsAt: number | undefined;
}

/** The most that Kubernetes keeps in one ConfigMap. */
const maxBytes = 1_048_576;

/**
 * The entries of one shard: a line of JSON for each, under one key of the ConfigMap, whose own rules for
 * keys then do not matter. JSON escapes halves of surrogate pairs, which UTF-8 would lose.
 */
export interface Entries {
  get(key: string): Entry | undefined;
  /** @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` where it does not fit; nothing is changed then. */
  set(key: string, entry: Entry): void;
  delete(key: string): boolean;
  /** Those that have not ended. */
  live(): Iterable<readonly [key: string, entry: Entry]>;
  /** Whether anything was changed. */
  readonly changed: boolean;
  /** Without what has ended. */
  text(): string;
}

const lineOf = (key: string, { value, version, endsAt }: Entry): string =>
  JSON.stringify(endsAt === undefined ? [key, value, version] : [key, value, version, endsAt]);

function entryOf(line: string): readonly [string, Entry] {
  const [key, value, version, endsAt, ...more] = JSON.parse(line) as unknown[];
  const valid = [key, value, version].every((text) => typeof text === "string") && more.length === 0;
  if (!valid || !["number", "undefined"].includes(typeof endsAt)) throw new TypeError("not an entry");
  return [key as string, { value, version, endsAt } as Entry];
}

/** Reads what a shard holds. @throws a `SyntaxError` or `TypeError` for what this library did not write. */
export function parseEntries(text: string): ReadonlyMap<string, Entry> {
  return new Map(text === "" ? [] : text.split("\n").map(entryOf));
}

/**
 * Begins to change a shard.
 *
 * @param kept - What it holds. It is not changed.
 * @param now - Unix milliseconds on the clock that judges; what has ended is as if it were not there.
 */
export function changeEntries(kept: ReadonlyMap<string, Entry>, now: number, shard: string): Entries {
  const entries = new Map([...kept].filter(([, { endsAt }]) => endsAt === undefined || endsAt > now));
  const sizeOf = (key: string) => {
    const entry = entries.get(key);
    return entry === undefined ? 0 : Buffer.byteLength(lineOf(key, entry)) + 1;
  };
  let bytes = 0;
  for (const key of entries.keys()) bytes += sizeOf(key);
  let changed = false;
  return {
    get: (key) => entries.get(key),
    set(key, entry) {
      const after = bytes - sizeOf(key) + Buffer.byteLength(lineOf(key, entry)) + 1;
      if (after > maxBytes && after > bytes) {
        const message = `state store ${shard}: is full, a ConfigMap holds ${maxBytes} bytes; use more shards or keep less`;
        throw new GuardError("ERR_STATE_UNAVAILABLE", message, { retryable: true });
      }
      entries.set(key, entry);
      bytes = after;
      changed = true;
    },
    delete(key) {
      bytes -= sizeOf(key);
      const was = entries.delete(key);
      changed ||= was;
      return was;
    },
    live: () => entries,
    get changed() {
      return changed;
    },
    text: () => [...entries].map(([key, entry]) => lineOf(key, entry)).join("\n"),
  };
}
