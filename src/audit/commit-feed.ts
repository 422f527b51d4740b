import type { JournalFeed, JournalPosition } from "./feed.ts";

/** A feed and the writer's end of it. */
export interface CommitFeed {
  readonly feed: JournalFeed;
  /** Says up to where the journal is durable now. */
  moved(position: JournalPosition): void;
}

export function commitFeed(directory: string, chain: string, start: JournalPosition): CommitFeed {
  let position = start;
  const callbacks = new Set<{ readonly call: () => void }>(); // the same function may subscribe twice
  return {
    feed: {
      directory,
      chain,
      get position() {
        return position;
      },
      onCommit(callback) {
        const subscription = { call: callback };
        callbacks.add(subscription);
        return () => void callbacks.delete(subscription);
      },
    },
    moved(to) {
      position = to;
      for (const { call } of callbacks) {
        try {
          call();
        } catch {
          // What was recorded is durable, whatever somebody makes of it.
        }
      }
    },
  };
}
