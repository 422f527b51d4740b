import type { GarbageItem, GarbagePage, GarbageRequest, GarbageType, Removal } from "../../../src/garbage/inventory.ts";

/** What one type of an account and region can do for the collector; as `GarbageInventory`, of this type alone. */
export interface TypeReader {
  readonly type: GarbageType;
  list(options: GarbageRequest & { readonly from?: string }): AsyncIterable<GarbagePage>;
  read(id: string, options: GarbageRequest): Promise<GarbageItem | undefined>;
  remove(item: GarbageItem, options: GarbageRequest): Promise<Removal>;
  tag(item: GarbageItem, key: string, value: string | undefined, options: GarbageRequest): Promise<void>;
}
