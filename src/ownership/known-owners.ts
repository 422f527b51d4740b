import { LRUCache } from "lru-cache";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { OwnerTags, Tags } from "../core/tags.ts";

/** What is known of a resource's owner. `unowned`: read, and no owner tags on it. */
export type Ownership = OwnerTags | "unowned" | "unreadable";

/** Remembers who owns which resource, from answers that passed and from single reads. */
export interface KnownOwners {
  learn(call: Call, id: string, tags: Tags): void;
  forget(call: Call, id: string): void;
  /** Looks it up without asking the cloud. */
  peek(call: Call, id: string): Ownership | undefined;
  /**
   * Reads it through the adapter, whatever is remembered; callers at the same time share the read.
   * @returns `undefined` if there is no such resource.
   * @throws {@link GuardError} `ERR_OWNER_UNKNOWN` (retryable) when the cloud could not be asked.
   */
  ask(call: Call, id: string): Promise<Ownership | undefined>;
}

const unownedTtlMs = 60_000; // somebody may be about to tag it

/**
 * @param max - Resources remembered.
 * @param ttlMs - Milliseconds after which tags are read again: people edit tags.
 */
export function knownOwners(clock: Clock, max: number, ttlMs: number): KnownOwners {
  const cache = new LRUCache<string, OwnerTags | "unowned">({
    max,
    ttl: ttlMs,
    ttlResolution: 0,
    perf: { now: () => clock.monotonic() + 1 }, // lru-cache takes 0 for "no time yet"
  });
  const reading = new Map<string, Promise<Ownership | undefined>>();
  const keyOf = ({ target }: Call, id: string) => `${target.cloud}|${target.account}|${target.region}|${id}`;

  function keep(key: string, call: Call, tags: Tags): OwnerTags | "unowned" {
    const owner = call.binding.adapter.tags?.codec.decode(tags) ?? "unowned";
    cache.set(key, owner, owner === "unowned" ? { ttl: Math.min(ttlMs, unownedTtlMs) } : {});
    return owner;
  }

  async function read(call: Call, id: string, key: string): Promise<Ownership | undefined> {
    const support = call.binding.adapter.tags;
    if (support?.read === undefined) return "unreadable";
    try {
      const tags = await support.read(id, call);
      return typeof tags === "object" ? keep(key, call, tags) : tags;
    } catch (cause) {
      const message = `${call.operation}: could not read who owns ${id}; nothing was changed`;
      throw new GuardError("ERR_OWNER_UNKNOWN", message, { cause, retryable: true, requeueAfterMs: 10_000 });
    } finally {
      reading.delete(key);
    }
  }

  return {
    learn: (call, id, tags) => void keep(keyOf(call, id), call, tags),
    forget: (call, id) => void cache.delete(keyOf(call, id)),
    peek: (call, id) => cache.get(keyOf(call, id)),
    ask(call, id) {
      const key = keyOf(call, id);
      const pending = reading.get(key) ?? read(call, id, key);
      reading.set(key, pending);
      return pending;
    },
  };
}
