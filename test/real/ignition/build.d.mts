/** Finds what builds Ignition: Go, a C compiler, and the headers of libblkid. Nothing is built. */
export function findIgnitionGo(): string | undefined;

/** Builds Ignition, unless it was built before. Returns its path. */
export function buildIgnition(): Promise<string>;
