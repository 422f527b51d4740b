import type { Binding, StoredItem } from "../contract.ts";

/** Bytes of the header in front of each item: the machine cuts so many off. */
export const headerBytes = 1024;

/** What stands in an item's header. */
export interface ItemHeader extends StoredItem {
  readonly managementCluster: string;
}

/** One line of JSON, filled up with spaces: names of Kubernetes leave room. */
export function writeHeader(name: string, binding: Binding, createdAt: number): Uint8Array {
  const { managementCluster, machine } = binding.machine;
  const { expiresAt } = binding;
  const header: ItemHeader = { name, managementCluster, machineUid: machine.uid, createdAt, expiresAt };
  return Buffer.from(`${JSON.stringify(header).padEnd(headerBytes - 1)}\n`);
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value);

/** @returns `undefined` for what is no header of an item of this name. */
export function readHeader(bytes: Uint8Array, name: string): ItemHeader | undefined {
  try {
    const header = JSON.parse(Buffer.from(bytes).toString("utf8", 0, headerBytes)) as ItemHeader;
    const { managementCluster, machineUid, createdAt, expiresAt } = header;
    const known = typeof managementCluster === "string" && typeof machineUid === "string" && header.name === name;
    return known && isTime(createdAt) && isTime(expiresAt) ? header : undefined;
  } catch {
    return undefined;
  }
}
