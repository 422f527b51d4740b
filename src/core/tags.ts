import type { Owner } from "./owner.ts";

/** Tags or labels of a resource. */
export type Tags = Readonly<Record<string, string>>;

/** What the owner tags of one resource say. */
export interface OwnerTags {
  readonly managementCluster: string;
  readonly provider: string;
  readonly clusterNamespace?: string;
  readonly clusterName?: string;
  readonly clusterUid?: string;
  readonly machineName?: string;
  readonly machineUid?: string;
  /** Unix seconds. */
  readonly createdAt?: number;
  /** Id of the audit intent that created the resource. */
  readonly intent?: string;
}

/** A cloud's way to write an owner into tags and to read it back. */
export interface TagCodec {
  /** Reserved prefix of keys: a caller may not set any. */
  readonly prefix: string;
  encode(owner: Owner, createdAtMs: number, intent: string): Tags;
  /** @returns `undefined` where the tags name no owner. */
  decode(tags: Tags): OwnerTags | undefined;
}
