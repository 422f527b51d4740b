import { type Clock, systemClock } from "../../core/clock.ts";
import { GuardError } from "../../core/errors.ts";
import type { ReadableBootstrapStore, StoredItem } from "../contract.ts";
import { parseItemName } from "../item-name.ts";

interface Item extends StoredItem {
  readonly bytes: Buffer;
  readonly managementCluster: string;
}

const maxItemBytes = 2 ** 20;

/**
 * Keeps items in this process: for tests, and behind `httpStore` where nothing must survive a restart. No machine
 * reaches it by itself. Expired items stay until `sweep` of the vault deletes them.
 *
 * @param options - `clock`: when an item was put.
 * @returns A store that is lost with the process.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` (per operation): a name that is none of an item, one that is too
 *   large, or another one under a name that is taken.
 * @example
 * import { memoryStore } from "provider-guard/bootstrap";
 * const backing = memoryStore();
 */
export function memoryStore({ clock = systemClock }: { readonly clock?: Clock } = {}): ReadableBootstrapStore {
  const items = new Map<string, Item>();

  return {
    name: "memory",
    maxItemBytes,
    maxItems: 1_024,
    expires: false,
    async put(name, bytes, { machine, expiresAt }, options) {
      parseItemName(name, "memoryStore");
      options?.signal?.throwIfAborted();
      if (bytes.length > maxItemBytes) {
        throw new GuardError("ERR_CONFIG_INVALID", `memoryStore: an item of more than ${maxItemBytes} bytes`);
      }
      const there = items.get(name)?.bytes;
      if (there?.equals(bytes)) return;
      if (there !== undefined) {
        throw new GuardError("ERR_CONFIG_INVALID", `memoryStore: another item has the name ${name}`);
      }
      const { managementCluster } = machine;
      const about = { name, managementCluster, machineUid: machine.machine.uid, createdAt: clock.now(), expiresAt };
      items.set(name, { ...about, bytes: Buffer.from(bytes) });
    },
    async get(name, options) {
      options?.signal?.throwIfAborted();
      const bytes = items.get(name)?.bytes;
      return bytes && Uint8Array.from(bytes);
    },
    async delete(name, options) {
      parseItemName(name, "memoryStore");
      options?.signal?.throwIfAborted();
      return items.delete(name);
    },
    async has(name, options) {
      options?.signal?.throwIfAborted();
      return items.has(name);
    },
    async *list({ managementCluster, id, signal }) {
      signal?.throwIfAborted();
      for (const { bytes: _, managementCluster: of, ...item } of [...items.values()]) {
        signal?.throwIfAborted();
        if (of === managementCluster && (id === undefined || item.name.startsWith(`${id}/`))) yield item;
      }
    },
    opener: async () => undefined,
  };
}
