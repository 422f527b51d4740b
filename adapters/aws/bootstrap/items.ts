import { hash } from "node:crypto";
import type { Binding, StoredItem } from "../../../src/bootstrap/contract.ts";
import { isItemName, parseItemName } from "../../../src/bootstrap/item-name.ts";
import { GuardError } from "../../../src/core/errors.ts";
import type { Tags } from "../../../src/core/tags.ts";

/**
 * What an item says of itself. Not under `provider-guard/`: those a guard alone writes, and it does so beside
 * these where the client is one that it has wrapped.
 */
export const labels = {
  managementCluster: "provider-guard-bootstrap/management-cluster",
  machineUid: "provider-guard-bootstrap/machine-uid",
  id: "provider-guard-bootstrap/id",
  /** Unix seconds. */
  expiresAt: "provider-guard-bootstrap/expires-at",
} as const;

/** The labels of an item of this sealing. */
export function labelsOf({ machine, id, expiresAt }: Binding): Tags {
  return {
    [labels.managementCluster]: machine.managementCluster,
    [labels.machineUid]: machine.machine.uid,
    [labels.id]: id,
    [labels.expiresAt]: String(Math.floor(expiresAt / 1000)),
  };
}

/** Labels as the JSON services take them. */
export const pairsOf = (tags: Tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** Whose items are asked for. */
export interface Wanted {
  readonly managementCluster: string;
  readonly id?: string;
}

/** An item as its labels tell it; `undefined` for what is not ours, or not of this sealing. */
export function itemOf(name: string, tags: Tags, createdAt: Date | undefined, wanted: Wanted): StoredItem | undefined {
  if (!isItemName(name) || tags[labels.managementCluster] !== wanted.managementCluster) return undefined;
  const expiresAt = Number(tags[labels.expiresAt]) * 1000;
  const machineUid = tags[labels.machineUid];
  return {
    name,
    ...(createdAt === undefined ? {} : { createdAt: createdAt.getTime() }),
    ...(Number.isSafeInteger(expiresAt) ? { expiresAt } : {}),
    ...(machineUid === undefined ? {} : { machineUid }),
  };
}

/**
 * Checks an item before anything leaves.
 *
 * @param root - What the store is called in messages.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` where the name is no item's, or the item is empty or too large.
 */
export function checkItem(root: string, name: string, maxBytes: number, bytes?: Uint8Array): void {
  parseItemName(name, root);
  if (bytes === undefined || (bytes.length > 0 && bytes.length <= maxBytes)) return;
  throw new GuardError("ERR_CONFIG_INVALID", `${root}: an item has 1 to ${maxBytes} bytes, not ${bytes.length}`);
}

/** The refusal to write over an item. */
export const anotherItem = (root: string, name: string, cause: unknown) =>
  new GuardError("ERR_CONFIG_INVALID", `${root}: another item has the name ${name}`, { cause });

/** Tells the same item put again from another one, without reading it back. */
export const digestOf = (name: string, bytes: Uint8Array) =>
  hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), bytes]), "hex");
