/** What a cloud takes as user data, as far as sealing needs to know. */
export interface BootstrapCloud {
  /** For messages. */
  readonly name: string;
  /** The most bytes that user data may have. */
  readonly maxUserDataBytes: number;
  /** Whether the limit is on user data in base64, a third longer. @defaultValue false */
  readonly base64?: boolean;
  /** Whether user data can be changed while the machine runs; what was plain there can go then. @defaultValue false */
  readonly overwritable?: boolean;
}

/** Names of clouds whose limits are known. */
export type KnownBootstrapCloud = "aws" | "azure" | "gcp" | "hetzner" | "openstack" | "vsphere";

/**
 * Limits of the clouds' own documentation. Where user data has to be text, what is sealed goes in base64, and its
 * limit counts so. Nova and Hetzner change user data with a rebuild alone; Azure's `userData` can be changed, its
 * `customData` is not to be read from the metadata service.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html, read 2026-11
 * @see https://learn.microsoft.com/en-us/azure/virtual-machines/custom-data, read 2026-11
 * @see https://cloud.google.com/compute/docs/metadata/setting-custom-metadata, read 2026-11
 * @see https://docs.openstack.org/api-ref/compute/#create-server, read 2026-11
 * @see https://cloudinit.readthedocs.io/en/latest/reference/datasources/vmware.html, read 2026-11
 * @see https://docs.hetzner.cloud/#servers-create-a-server (32 KiB; not confirmed by a server), read 2026-11
 */
export const knownClouds: Readonly<Record<KnownBootstrapCloud, Required<BootstrapCloud>>> = {
  aws: { name: "aws", maxUserDataBytes: 16_384, base64: false, overwritable: false },
  azure: { name: "azure", maxUserDataBytes: 65_535, base64: false, overwritable: true },
  gcp: { name: "gcp", maxUserDataBytes: 262_144, base64: true, overwritable: true },
  hetzner: { name: "hetzner", maxUserDataBytes: 32_768, base64: true, overwritable: false },
  openstack: { name: "openstack", maxUserDataBytes: 65_535, base64: true, overwritable: false },
  vsphere: { name: "vsphere", maxUserDataBytes: 524_288, base64: true, overwritable: true },
};

/** The most bytes before any encoding. */
export const roomFor = ({ maxUserDataBytes, base64 }: BootstrapCloud): number =>
  base64 ? Math.floor(maxUserDataBytes / 4) * 3 : maxUserDataBytes;
