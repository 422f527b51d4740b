/** Their cloud-init is 22.4 and 25.1. */
export type Release = "bookworm" | "trixie";

/** What is missing for booting cloud-init in a root of its own, in one line; nothing is built. */
export function missingForCloudInit(): string | undefined;

/** Makes a Debian with cloud-init in the user's cache, unless it is there. */
export function buildCloudInitRoot(release: Release): Promise<string>;
