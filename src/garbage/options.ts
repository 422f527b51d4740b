import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { GarbageCollectorOptions } from "./collector-interface.ts";
import { deletionOrder, type GarbageInventory } from "./inventory.ts";

const fn = z.function();
const name = z.string().regex(/^[\w.-]{1,64}$/, "expected up to 64 letters, digits, . _ -");
const inventory = z.looseObject({
  scope: z.string().regex(/^[^|]{1,256}$/, "expected up to 256 characters without |"),
  types: z.array(z.looseObject({ name: z.string().regex(/^[^|]{1,128}$/), holdsData: z.boolean() })).min(1),
  codec: z.looseObject({ decode: fn }),
  list: fn,
  read: fn,
  delete: fn,
});
const owners = z.looseObject({ read: fn });

const schema = z.strictObject({
  owner: z.looseObject({ provider: z.string().min(1) }),
  inventory: z.union([inventory, z.array(inventory).min(1)]),
  owners: z.union([owners, z.array(owners).min(1)]),
  marks: z.looseObject({ state: z.looseObject({ get: fn, put: fn, compareAndSet: fn, scan: fn }) }),
  policy: z.looseObject({}),
  guard: z.looseObject({}).optional(),
  leader: z.looseObject({ check: fn }).optional(),
  notify: fn.optional(),
  onProgress: fn.optional(),
  onError: fn.optional(),
  name: name.default("default"),
  concurrency: z.int().min(1).max(256).default(4),
  retryMs: z.array(z.number().min(1)).max(20).default([1000, 5000, 15_000, 30_000]),
  maxOwnersAgeMs: z.number().min(0).default(30_000),
  lockMs: z.number().min(1000).default(60_000),
  meterProvider: z.looseObject({ getMeter: fn }).optional(),
  clock: z.looseObject({}).optional(),
});

/** Checks a collector's options. @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function checkCollector(options: GarbageCollectorOptions) {
  const { name, concurrency, retryMs, maxOwnersAgeMs, lockMs } = parseOptions(schema, options, "garbageCollector");
  const inventories = asList<GarbageInventory>(options.inventory);
  const scopes = new Set(inventories.map(({ scope }) => scope));
  if (scopes.size < inventories.length) throw invalid("inventory: two of the same scope");
  for (const { scope, types } of inventories) {
    try {
      deletionOrder(types);
    } catch (error) {
      throw invalid(`inventory ${scope}: ${(error as Error).message}`);
    }
  }
  return { name, concurrency, retryMs, maxOwnersAgeMs, lockMs, inventories, sources: asList(options.owners) };
}

const invalid = (message: string) => new GuardError("ERR_CONFIG_INVALID", `garbageCollector.${message}`);

const asList = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? one : [one as T]);
