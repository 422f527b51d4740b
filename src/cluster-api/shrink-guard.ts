import * as z from "zod";
import type { LiveOwners, OwnerSnapshot } from "./owner-snapshot.ts";
import { compareVersions } from "./resource-version.ts";

/** How much may be lost before a list is not believed. */
export interface ShrinkLimits {
  /** Share of the Clusters, and of the Machines, that may go. @defaultValue 0.2 */
  readonly ratio?: number;
  /** Number that may go whatever the share, but never all. @defaultValue 3 */
  readonly count?: number;
  /** Within how many milliseconds: losses add up meanwhile. @defaultValue 3600000 */
  readonly windowMs?: number;
}

/** How many there were of one kind. */
export interface KindTally {
  readonly count: number;
  /** The moment that the list showed. */
  readonly resourceVersion: string;
}

/** How many there were when a list was read. */
export interface OwnerTally {
  /** Unix milliseconds. */
  readonly at: number;
  readonly clusters: KindTally;
  readonly machines: KindTally;
}

const tally = z.object({ count: z.number(), resourceVersion: z.string() });

/** What a list is compared with, as it is kept. */
export const tallySchema: z.ZodType<OwnerTally> = z.object({ at: z.number(), clusters: tally, machines: tally });

const kinds = ["clusters", "machines"] as const;

/** Counts a snapshot. */
export function tallyOf({ endedAt, clusters, machines }: OwnerSnapshot): OwnerTally {
  const count = ({ size, resourceVersion }: LiveOwners) => ({ count: size, resourceVersion });
  return { at: endedAt, clusters: count(clusters), machines: count(machines) };
}

/** How many of before are gone: exactly, or, where only their number is known, at least. */
function lostOf(before: number, known: LiveOwners | undefined, now: LiveOwners): number {
  if (known === undefined) return Math.max(0, before - now.size);
  let lost = 0;
  for (const { uid } of known.values()) if (!now.has(uid)) lost++;
  return lost;
}

/** What a snapshot is held against. */
export interface Baseline {
  /** The last that was believed when the window began. */
  readonly tally: OwnerTally | undefined;
  /** The objects themselves, if this process read them. */
  readonly snapshot: OwnerSnapshot | undefined;
  /** The last that was believed. */
  readonly last: OwnerTally | undefined;
}

/** Whether anything of the baseline is gone. */
export function hasLost({ tally, snapshot }: Baseline, now: OwnerSnapshot): boolean {
  return kinds.some((kind) => lostOf(tally?.[kind].count ?? 0, snapshot?.[kind], now[kind]) > 0);
}

/**
 * Why a complete list should not be believed: an API server that lost its data, or was restored from a
 * copy, answers as one that is well.
 */
export function suspicion(
  { tally, snapshot, last }: Baseline,
  now: OwnerSnapshot,
  { ratio, count }: Required<ShrinkLimits>,
): string | undefined {
  if (now.clusters.size === 0 && tally?.clusters.count !== 0) return "there is no Cluster at all";
  for (const kind of kinds) {
    const { resourceVersion } = now[kind];
    if (last !== undefined && (compareVersions(resourceVersion, last[kind].resourceVersion) ?? 0) < 0) {
      return `${kind}: the list is older (${resourceVersion}) than one seen before (${last[kind].resourceVersion})`;
    }
    const before = tally?.[kind].count ?? 0;
    const lost = lostOf(before, snapshot?.[kind], now[kind]);
    if (lost > Math.max(count, Math.floor(before * ratio)) || (lost === before && before > 1)) {
      return `${kind}: ${lost} of ${before} are gone`;
    }
  }
  return undefined;
}
