/** The repository's folder. */
export const root: string;

/** Where scripts keep what can be made again. */
export const cache: string;

/** Runs `work` while no other process on this machine holds the lock of that name. */
export function withLock<T>(name: string, work: () => T | Promise<T>): Promise<T>;
