import { GuardError } from "../../core/errors.ts";
import type { JournalFeed } from "../feed.ts";
import { listSegments } from "../segment-list.ts";
import { newestCheckpointWithin, type StoredCheckpoint } from "./checkpoint-files.ts";
import { openCheckpoint } from "./checkpoint-note.ts";
import { frontierOf, JournalTree } from "./journal-tree.ts";
import { hashAt } from "./leaf-reader.ts";
import type { VerifierKey } from "./verifier-key.ts";

/** Makes the error for a journal that is not the one that was signed. */
export const inconsistent = (directory: string, why: string, cause?: unknown) =>
  new GuardError(
    "ERR_CHECKPOINT_INCONSISTENT",
    `audit journal ${directory}: ${why}. No checkpoint is signed any more: verify the journal, and keep it as evidence`,
    cause === undefined ? {} : { cause },
  );

const incomplete = (directory: string) =>
  new GuardError(
    "ERR_CHECKPOINT_UNSIGNED",
    `audit journal ${directory}: lines are gone that no checkpoint covers, so that it can never be signed again. Begin a journal in another directory`,
  );

/**
 * The tree where an earlier process left it, or an empty one. Three things must agree: the newest checkpoint's
 * signature, the frontier that is stored with it, and the line in the journal that it ends with.
 *
 * @param keys - Keys that may have signed it.
 * @throws {@link GuardError} `ERR_CHECKPOINT_INCONSISTENT` where they do not.
 * @throws {@link GuardError} `ERR_CHECKPOINT_UNSIGNED` where lines are gone that no checkpoint covers.
 * @throws {@link GuardError} `ERR_AUDIT_CORRUPT`, `ERR_AUDIT_UNAVAILABLE` where they cannot be read.
 */
export async function resumeTree(feed: JournalFeed, keys: readonly VerifierKey[]): Promise<JournalTree> {
  const { directory } = feed;
  const stored = await newestCheckpointWithin(directory);
  const [first = 1] = await listSegments(directory);
  if (first > (stored?.last.segment ?? 1)) throw incomplete(directory);
  if (stored === undefined) return new JournalTree(directory);
  checkStored(directory, stored, keys);
  const { seq, hash } = stored.last;
  if (feed.position.seq < seq) {
    throw inconsistent(
      directory,
      `a checkpoint covers lines up to ${seq}, and the journal ends after ${feed.position.seq}`,
    );
  }
  if ((await hashAt(directory, stored.last)) !== hash) {
    throw inconsistent(directory, `line ${seq} is not the one that a checkpoint was signed over`);
  }
  return new JournalTree(directory, stored);
}

function checkStored(directory: string, stored: StoredCheckpoint, keys: readonly VerifierKey[]): void {
  let signed: ReturnType<typeof openCheckpoint>;
  try {
    signed = openCheckpoint(stored.note, keys);
  } catch (cause) {
    const why = (cause as Error).message;
    throw inconsistent(
      directory,
      `the newest checkpoint does not verify (${why}); name an earlier key in formerKeys`,
      cause,
    );
  }
  let root: Buffer | undefined;
  try {
    root = frontierOf(stored).root();
  } catch {
    // another number of peaks than the size asks for
  }
  if (signed.size !== stored.last.seq + 1 || root?.equals(signed.root) !== true) {
    throw inconsistent(directory, `what is stored with the newest checkpoint does not lead to its root`);
  }
}
