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
 * What clouds are known to take; Hetzner's limit is not confirmed. Where user data has to be text, what is sealed goes
 * in base64, and the limit counts so. Nova changes user data with a rebuild alone, Hetzner and EC2 not at all while a
 * machine runs; Azure's `userData` can be changed, its `customData` is not to be read from the metadata service.
 *
 * @see https://learn.microsoft.com/en-us/azure/virtual-machines/custom-data, for Azure, read 2026-11
 * @see https://docs.openstack.org/releasenotes/python-novaclient/queens.html, for Nova's rebuild, read 2026-11
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
