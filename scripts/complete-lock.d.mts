/** What the lock file says about one package, as far as this concerns platforms. */
export interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What npm writes for a package that only some platforms install; `undefined` where the name does not tell. */
export function platformEntry(name: string, version: string): object | undefined;

/** Entries that `packages` of a lock file lacks, by their key. */
export function missingEntries(packages: Readonly<Record<string, LockedPackage>>): Record<string, object | undefined>;
