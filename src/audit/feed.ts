import type { AuditRecord, JournalContext } from "../core/journal.ts";

/** A place in a journal: everything before it is durable. */
export interface JournalPosition {
  readonly segment: number;
  /** Bytes from the beginning of the segment. */
  readonly offset: number;
  /** Number of the last line before it. */
  readonly seq: number;
  /** That line's hash, in base64url: the leaf of the line in a Merkle tree, too. */
  readonly hash: string;
}

/**
 * What those see who follow a journal while it is written: checkpoints, shipping. They read the
 * files themselves, so that writing need not wait for them.
 */
export interface JournalFeed {
  readonly directory: string;
  /** Names the journal; the same in all its segments. */
  readonly chain: string;
  /** Up to where the journal is durable. */
  readonly position: JournalPosition;
  /**
   * Calls back after something has become durable; must not throw.
   * @returns Ends the subscription.
   */
  onCommit(callback: () => void): () => void;
}

/** Something that works beside an open journal: signs checkpoints, ships segments. */
export interface JournalFollower {
  /**
   * Begins to follow; the journal is open. What it throws keeps the journal from opening.
   *
   * @param journal - Takes records of the follower's own, without waiting.
   */
  start(feed: JournalFeed, journal: { enqueue(record: AuditRecord): void }, context: JournalContext): FollowingHandle;
}

/** A follower at work. */
export interface FollowingHandle {
  /**
   * Whether it makes what others deliver, as checkpoints are: it is closed before those, wherever it
   * stands in the list. @defaultValue `false`
   */
  readonly produces?: boolean;
  /** Called once everything recorded is durable, while the journal still takes records. It bounds its own time. */
  close(): Promise<void>;
  /**
   * Stops at once, as the death of the process would: nothing more is written or sent, and no timer or
   * connection is left. @returns What ends once no file in the directory is being written any more.
   */
  abandon?(): Promise<void>;
  /** The last segment of which everything was delivered, 0 for none: retention removes no later one. */
  shippedThrough?(): number;
  /**
   * The last segment of whose checkpoints nothing more will be delivered, 0 for none: retention keeps
   * those of later ones. @defaultValue all of them may go
   */
  checkpointsThrough?(): number;
}
