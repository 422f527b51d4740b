import type { BootstrapFormat } from "./contract.ts";

/** What opens user data on the machine: cloud-init, Ignition, or whatever runs a script there is. */
export type ImageOpener = "cloud-init" | "ignition" | "script";

/** What is known of the image that the machine boots from. What is not said is taken to be there. */
export interface BootstrapImage {
  /** @defaultValue by the format: cloud-init, Ignition, or a script */
  readonly opener?: ImageOpener;
  /** Version of its OpenSSL, e.g. `3.0.11`. */
  readonly openssl?: string;
  /** Version of its cloud-init, e.g. `22.4`. */
  readonly cloudInit?: string;
  /** All commands that it has, as far as openers need any. */
  readonly tools?: readonly string[];
}

const byFormat = { "cloud-config": "cloud-init", ignition: "ignition", script: "script" } as const;

/** Which opener handles which format: cloud-init runs scripts, too. */
const handles: Readonly<Record<ImageOpener, readonly BootstrapFormat[]>> = {
  "cloud-init": ["cloud-config", "script"],
  ignition: ["ignition"],
  script: ["script"],
};

/** What openers call that small images may lack. */
const openerTools = ["gzip", "mount", "openssl", "umount"];

export const openerOf = (format: BootstrapFormat, image: BootstrapImage = {}): ImageOpener =>
  image.opener ?? byFormat[format];

/** Compares versions by their first two numbers. */
function isOlder(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = (version.match(/\d+/g) ?? []).map(Number);
  return first < major || (first === major && second < minor);
}

/** @returns Why the image's opener can do nothing with such data, sealed or not; `undefined` if it can. */
export function refusesFormat(format: BootstrapFormat, image: BootstrapImage = {}): string | undefined {
  const opener = openerOf(format, image);
  return handles[opener].includes(format) ? undefined : `the image's opener, ${opener}, does not take ${format}`;
}

/**
 * @param moreTools - What the store's and the wrap's parts of the opener need.
 * @returns Why the image cannot open what is sealed; `undefined` if nothing is known that forbids it.
 */
export function refusesOpening(
  format: BootstrapFormat,
  image: BootstrapImage = {},
  moreTools: readonly string[] = [],
): string | undefined {
  const { openssl, cloudInit, tools } = image;
  if (openssl !== undefined && isOlder(openssl, 3, 0)) {
    return `the image's OpenSSL is ${openssl}, and only 3.0 or later decrypts AuthEnvelopedData`;
  }
  if (openerOf(format, image) === "cloud-init" && cloudInit !== undefined && isOlder(cloudInit, 21, 4)) {
    return `the image's cloud-init is ${cloudInit}, older than 21.4, the oldest that the opener was run on`;
  }
  const missing = tools && [...openerTools, ...moreTools].filter((tool) => !tools.includes(tool));
  return missing?.length ? `the image lacks ${[...new Set(missing)].sort().join(", ")}` : undefined;
}
