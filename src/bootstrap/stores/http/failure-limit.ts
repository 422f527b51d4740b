import { isIPv6 } from "node:net";
import type { Clock } from "../../../core/clock.ts";

/** Counts the failures of each source, in bounded memory. */
export interface FailureLimit {
  /** Seconds until a source is heard again; 0: it is. */
  blockedFor(source: string): number;
  /** @returns Whether this failure is the one that blocks the source. */
  fail(source: string): boolean;
  /** Sources that are remembered. */
  readonly size: number;
}

interface Failures {
  count: number;
  readonly endsAt: number;
}

const windowMs = 60_000;
const maxSources = 4_096;

/** Whoever has an IPv6 address has the 2^64 others of its network, too. */
function networkOf(source: string): string {
  if (!isIPv6(source)) return source;
  const [head = "", tail] = source.split("::") as [string, string?];
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => "0");
  return [...groups, ...zeros, ...rest]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

/**
 * Makes a limit of failures a minute.
 *
 * @param max - Failures of a source in a minute, after which it is not heard until that minute is over.
 */
export function failureLimit(max: number, clock: Clock): FailureLimit {
  const sources = new Map<string, Failures>();

  function live(network: string): Failures | undefined {
    const failures = sources.get(network);
    if (failures === undefined || failures.endsAt > clock.monotonic()) return failures;
    sources.delete(network);
    return undefined;
  }

  return {
    blockedFor(source) {
      const failures = live(networkOf(source));
      if (failures === undefined || failures.count < max) return 0;
      return Math.ceil((failures.endsAt - clock.monotonic()) / 1_000);
    },
    fail(source) {
      const network = networkOf(source);
      const failures = live(network) ?? { count: 0, endsAt: clock.monotonic() + windowMs };
      failures.count++;
      sources.set(network, failures);
      if (sources.size > maxSources) sources.delete(sources.keys().next().value as string);
      return failures.count === max;
    },
    get size() {
      return sources.size;
    },
  };
}
