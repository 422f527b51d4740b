/** What there is at one moment: Machines by phase on the API server, instances by state on the cloud. */
import type { Lab } from "../../test/real/capi-provider/lab.ts";

/** Where the clusters are: where `kubectl get machines` looks first. */
export const namespace = "default";

export type Counts = Readonly<Record<string, number>>;

export interface Census {
  /** By phase. */
  readonly machines: Counts;
  /** Those that have their Node. */
  readonly withNode: number;
  /** By state; the cloud lists for a while what was terminated. */
  readonly instances: Counts;
}

/** How often each word comes. */
export function countBy(words: Iterable<string>): Counts {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** `2 Running, 1 Pending`, or `none`. */
export const textOf = (counts: Counts): string =>
  Object.entries(counts)
    .map(([word, count]) => `${count} ${word}`)
    .join(", ") || "none";

export const sumOf = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

export async function takeCensus(lab: Lab): Promise<Census> {
  const [machines, instances] = await Promise.all([lab.machines(namespace), lab.instances("all")]);
  return {
    machines: countBy(machines.map(({ status }) => status?.phase ?? "Pending").sort()),
    withNode: machines.filter(({ status }) => status?.nodeRef !== undefined).length,
    instances: countBy(instances.map(({ State }) => State?.Name ?? "unknown").sort()),
  };
}
