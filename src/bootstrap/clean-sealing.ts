import { eachBounded } from "../core/each-bounded.ts";
import type { Bounded } from "./bounded.ts";
import type { BootstrapMachine, BootstrapStore } from "./contract.ts";
import { itemNames } from "./item-name.ts";
import type { BootstrapVaultOptions } from "./vault-options.ts";
import type { SealingRecord } from "./vault-record.ts";
import type { VaultRecords } from "./vault-records.ts";

/** What cleaning one sealing came to. */
export interface Cleaned {
  /** How many items were there and were deleted. */
  readonly items: number;
  /** Names of items that are there or that nobody can tell of, `metadata`, `token`. */
  readonly leftovers: readonly string[];
  /** Why. */
  readonly failures: readonly unknown[];
}

/** What cleaning works with. */
export interface CleanerParts extends Pick<BootstrapVaultOptions, "store" | "metadata" | "revokeToken"> {
  readonly records: VaultRecords;
  readonly bounded: Bounded;
  readonly concurrency: number;
}

/** Options of a cleaner. */
export interface CleanOptions {
  /** Tokens that something else of the machine still needs. `all`: none is revoked. */
  readonly keepTokens: ReadonlySet<string> | "all";
  readonly signal: AbortSignal | undefined;
}

/** Takes away all that a sealing has left, and looks whether it is gone. Rejects with `signal.reason` alone. */
export type Cleaner = (machine: BootstrapMachine, sealing: SealingRecord, options: CleanOptions) => Promise<Cleaned>;

export function cleaner({ store, metadata, revokeToken, records, bounded, concurrency }: CleanerParts): Cleaner {
  return async (machine, sealing, { keepTokens, signal }) => {
    const leftovers = new Set<string>();
    const failures: unknown[] = [];
    let items = 0;

    /** Each step is tried whatever becomes of the others: what can go goes. */
    async function step(leftover: string, work: () => Promise<boolean>): Promise<void> {
      try {
        if (!(await work())) leftovers.add(leftover);
      } catch (error) {
        signal?.throwIfAborted();
        leftovers.add(leftover);
        failures.push(error);
      }
    }

    const removeFrom = (from: BootstrapStore) => (name: string) =>
      step(name, async () => {
        const who = `store ${from.name}`;
        if (await bounded(who, (options) => from.delete(name, options), signal)) items++;
        return !(await bounded(who, (options) => from.has(name, options), signal));
      });

    async function listed(from: BootstrapStore, known: ReadonlySet<string>): Promise<string[]> {
      const { managementCluster } = machine;
      const found: string[] = [];
      await bounded(
        `store ${from.name}`,
        async ({ signal: within }) => {
          for await (const { name } of from.list({ managementCluster, id: sealing.id, signal: within })) {
            if (!known.has(name)) found.push(name);
          }
        },
        signal,
      );
      return found;
    }

    async function emptyStore(): Promise<void> {
      const names = itemNames(sealing.id, sealing.items);
      if (names.length === 0) return;
      if (store === undefined || store.name !== sealing.store) {
        for (const name of names) leftovers.add(name);
        failures.push(new Error(`the items are in the store ${sealing.store}, which this vault does not have`));
        return;
      }
      await eachBounded(names, concurrency, removeFrom(store));
      // Lists may lag behind, and show what is gone: what each item's name says counts.
      await step("store", async () => {
        await eachBounded(await listed(store, new Set(names)), concurrency, removeFrom(store));
        return true;
      });
    }

    async function overwriteMetadata(): Promise<void> {
      if (sealing.mode !== "plain") return;
      await step("metadata", async () => {
        if (metadata === undefined) throw new Error("this vault cannot overwrite metadata");
        const isClean = () => bounded("metadata", (options) => metadata.isClean(machine, options), signal);
        if ((await isClean()) === true) return true;
        await bounded("metadata", (options) => metadata.overwrite(machine, options), signal);
        return (await isClean()) === true;
      });
    }

    async function revokeTokens(): Promise<void> {
      if (revokeToken === undefined || keepTokens === "all") return;
      for (const id of sealing.tokenIds.filter((one) => !keepTokens.has(one))) {
        await step("token", async () => {
          await bounded("revokeToken", (options) => revokeToken(id, machine, options), signal);
          return true;
        });
      }
    }

    await emptyStore();
    signal?.throwIfAborted();
    await overwriteMetadata();
    await revokeTokens();
    await step("user-data", async () => {
      await records.forget(sealing.id, signal);
      return true;
    });
    return { items, leftovers: [...leftovers], failures };
  };
}
