/** Who shares a store whose replicas were declared: each owns its part of every rate. Times in milliseconds of the store's clock. */
export interface Members {
  seen: Record<string, number>;
  /** When somebody last came, or came back. */
  joinedAt: number;
}

/** How much of every bucket is lent, and since when. */
export interface Pool {
  /** Share of rate and burst: the parts of those who are there. */
  readonly share: number;
  /** What was saved up before then is gone: whoever came back then may have spent it alone. */
  readonly since: number;
}

/** Nobody is there yet. */
export const noMembers = (): Members => ({ seen: {}, joinedAt: 0 });

/**
 * Notes that a replica is there, and puts the parts of all who are there together. Whoever was not
 * seen for a lease's time may be cut off and spending its own part, so that part is not lent.
 */
export function attend(members: Members, replica: string, now: number, leaseMs: number, replicas: number): Pool {
  for (const [id, at] of Object.entries(members.seen)) if (at + leaseMs <= now) delete members.seen[id];
  if (members.seen[replica] === undefined) members.joinedAt = now;
  members.seen[replica] = now;
  return { share: Math.min(1, Object.keys(members.seen).length / replicas), since: members.joinedAt };
}
