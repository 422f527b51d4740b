import type { LmdbDatabase } from "./lmdb.ts";

/** What is written where nobody else has written since. */
export interface Change {
  readonly key: Buffer;
  /** The version that the key must still have; `undefined`: it must not exist. */
  readonly version: number | undefined;
  /** Puts and removes. */
  readonly write: () => void;
}

/** LMDB's promise for a commit hides the reason in another one, which must not go unheard either. */
async function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  return (await commitError?.catch((reason: unknown) => reason)) ?? error;
}

/**
 * Makes changes in one transaction, each on its own condition, and has them on the disk.
 *
 * @returns For each change whether its condition held.
 * @throws what LMDB says when nothing was committed.
 */
export async function conditionally(database: LmdbDatabase, changes: readonly Change[]): Promise<boolean[]> {
  const verdicts: Promise<boolean>[] = [];
  const committed = database.batch(() => {
    for (const { key, version, write } of changes) {
      verdicts.push(version === undefined ? database.ifNoExists(key, write) : database.ifVersion(key, version, write));
    }
  });
  try {
    const [, ...held] = await Promise.all([committed, ...verdicts]);
    return held;
  } catch (error) {
    throw await reasonOf(error);
  }
}
