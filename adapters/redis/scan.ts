import type { Versioned } from "../../src/core/state-store.ts";
import { keyPrefixOf } from "./client.ts";
import type { Connection } from "./connection.ts";
import { decode } from "./record.ts";

const escapeGlob = (text: string) => text.replace(/[\\*?[\]]/g, "\\$&");

/**
 * Walks through all keys that start so, in bounded steps. Redis may name a key twice, and one that is
 * gone by the time its value is asked for.
 *
 * @param prefix - What is cut off the keys: the store's own.
 * @param now - The injected clock's time, where there is one.
 */
export async function* scanEntries(
  connection: Connection,
  prefix: string,
  wanted: string,
  now: () => number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly [key: string, entry: Versioned]> {
  const { client } = connection;
  const added = keyPrefixOf(client).length; // the client puts it before the keys of commands, but not before patterns
  const pattern = `${escapeGlob(keyPrefixOf(client) + prefix + wanted)}*`;
  const seen = new Set<string>();
  for (const node of client.nodes?.("master") ?? [client]) {
    let cursor = "0";
    do {
      const entries = await connection.run(async (send) => {
        const reply = await send("scan", [cursor, "match", pattern, "count", 1_000], node);
        const [next, found] = reply as [string, string[]];
        cursor = next;
        const keys = [...new Set(found.map((key) => key.slice(added)))].filter((key) => !seen.has(key));
        const values = keys.length === 0 ? [] : ((await send("mget", keys)) as unknown[]);
        return keys.map((key, i) => [key, values[i]] as const);
      }, signal);
      for (const [key, raw] of entries) {
        signal?.throwIfAborted();
        seen.add(key);
        const name = key.slice(prefix.length);
        const entry = decode(raw, name, now());
        if (entry !== undefined) yield [name, entry];
      }
    } while (cursor !== "0");
  }
}
