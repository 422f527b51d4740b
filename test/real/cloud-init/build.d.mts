export type Release = "bookworm" | "trixie";

/** The releases whose cloud-init the tests run: 22.4 and 25.1. */
export const releases: readonly Release[];

/** What is missing for booting cloud-init in a root of its own, in one line; nothing is built. */
export function missingForCloudInit(): string | undefined;

/** Makes a Debian with cloud-init in the user's cache, unless it is there. */
export function buildCloudInitRoot(release: Release): Promise<string>;
