import { createHash } from "node:crypto";
import type { Binding, StoredItem } from "../../../src/bootstrap/contract.ts";
import { parseItemName } from "../../../src/bootstrap/item-name.ts";
import type { SecretObject } from "./secret-api.ts";

const prefix = "bootstrap.provider-guard/";
const idLabel = `${prefix}id`;
const clusterLabel = `${prefix}management-cluster`;
const itemAnnotation = `${prefix}item`;
const type = `${prefix}item`;
const dataKey = "item";

interface ItemAnnotation {
  readonly name: string;
  readonly managementCluster: string;
  readonly machineUid: string;
  readonly expiresAt: number;
}

/** What is a label's value as it is stays so; anything else is told by its digest. */
const labelOf = (text: string) =>
  /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text)
    ? text
    : `sha256-${createHash("sha256").update(text).digest("hex").slice(0, 48)}`;

/** The name of an item's Secret. @throws {@link GuardError} `ERR_CONFIG_INVALID` for what is no item's name. */
export function secretName(itemName: string): string {
  const { id, index } = parseItemName(itemName, "secretStore");
  return `bootstrap-${id}-${index}`;
}

/** The Secret that an item is kept in: nobody changes it afterwards, by intent or by mistake. */
export function secretOf(
  namespace: string,
  name: string,
  bytes: Uint8Array,
  { machine, expiresAt }: Binding,
): SecretObject {
  const { managementCluster } = machine;
  const item: ItemAnnotation = { name, managementCluster, machineUid: machine.machine.uid, expiresAt };
  return {
    apiVersion: "v1",
    kind: "Secret",
    type,
    immutable: true,
    metadata: {
      name: secretName(name),
      namespace,
      labels: { [idLabel]: parseItemName(name, "secretStore").id, [clusterLabel]: labelOf(managementCluster) },
      annotations: { [itemAnnotation]: JSON.stringify(item) },
    },
    data: { [dataKey]: Buffer.from(bytes).toString("base64") },
  };
}

/** What selects the items of a management cluster, or of one sealing. */
export const selectorOf = (managementCluster: string, id: string | undefined) =>
  `${clusterLabel}=${labelOf(managementCluster)}${id === undefined ? "" : `,${idLabel}=${labelOf(id)}`}`;

/** @returns `undefined` where the Secret is not one of ours. */
export function itemIn({ metadata }: SecretObject): (StoredItem & { readonly managementCluster: string }) | undefined {
  try {
    const { name, managementCluster, machineUid, expiresAt } = JSON.parse(
      metadata?.annotations?.[itemAnnotation] ?? "",
    ) as ItemAnnotation;
    if (secretName(name) !== metadata?.name || typeof managementCluster !== "string") return undefined;
    const createdAt = new Date(metadata.creationTimestamp ?? Number.NaN).getTime();
    return { name, managementCluster, machineUid, expiresAt, ...(!Number.isNaN(createdAt) && { createdAt }) };
  } catch {
    return undefined;
  }
}

/** The bytes of an item; `undefined` where the Secret is not one of ours. */
export function bytesIn(secret: SecretObject): Buffer | undefined {
  const text = secret.data?.[dataKey];
  if (secret.type !== type || text === undefined || itemIn(secret) === undefined) return undefined;
  return Buffer.from(text, "base64");
}
