import type { Clock } from "../../core/clock.ts";
import type { CallKind } from "../../core/target.ts";
import type { SeededRandom } from "../seeded-random.ts";

/**
 * What a fault does to a request.
 * - `unavailable`: answered 503; nothing was done.
 * - `internal-error`: answered 500; nothing was done.
 * - `reset`: the connection breaks before the request is read; nothing was done.
 * - `lost`: it is done, and the connection breaks before the answer.
 * - `silent`: it is done, and no answer ever comes: the client's own timeout ends the wait.
 * - `unauthenticated`: the credential is refused as if it had expired.
 * - `denied`: refused as not allowed.
 * - `throttled`: refused with 429, whatever the buckets hold.
 * - `slow`: the answer takes `delayMs` longer.
 */
export type FaultEffect =
  | "unavailable"
  | "internal-error"
  | "reset"
  | "lost"
  | "silent"
  | "unauthenticated"
  | "denied"
  | "throttled"
  | "slow";

/** Something that goes wrong in the simulated cloud. A request meets the first fault that matches it. */
export interface Fault {
  readonly effect: FaultEffect;
  /** Operation names; `*` at the end matches any ending. @defaultValue every operation */
  readonly operations?: readonly string[];
  /** @defaultValue every kind */
  readonly kinds?: readonly CallKind[];
  /** @defaultValue every account */
  readonly account?: string;
  /** @defaultValue every region */
  readonly region?: string;
  /** Milliseconds after the cloud's start, on the monotonic clock. @defaultValue 0 */
  readonly fromMs?: number;
  /** Milliseconds after the cloud's start, on the monotonic clock. @defaultValue for ever */
  readonly untilMs?: number;
  /** Share of the matching requests that it hits, 0 to 1. @defaultValue 1 */
  readonly share?: number;
  /** How many requests it hits at most. @defaultValue no limit */
  readonly times?: number;
  /** Matching requests that it lets pass first. @defaultValue 0 */
  readonly skip?: number;
  /** With `slow`: further milliseconds. With `throttled`: what the cloud asks to wait. @defaultValue 1000 */
  readonly delayMs?: number;
}

/** One request, as faults see it. */
export interface FaultTarget {
  readonly operation: string;
  readonly kind: CallKind;
  readonly account: string;
  readonly region: string;
}

/** The faults of one cloud. */
export interface Faults {
  /** @returns Takes the fault away again. */
  add(fault: Fault): () => void;
  /** The fault that this request meets, counted as a hit. */
  meet(target: FaultTarget): Fault | undefined;
}

/** Whether an operation's name is meant by a pattern: the name itself, or its beginning and `*`. */
function matchesOperation(pattern: string, operation: string): boolean {
  return pattern.endsWith("*") ? operation.startsWith(pattern.slice(0, -1)) : pattern === operation;
}

/** Keeps faults; each draws its lots from a stream of its own, so that adding one changes no other. */
export function faultList(random: SeededRandom, clock: Clock): Faults {
  const startedAt = clock.monotonic();
  const active = new Set<{ readonly fault: Fault; readonly random: SeededRandom; hits: number; passed: number }>();
  let added = 0;

  const matches = (fault: Fault, target: FaultTarget, at: number) =>
    at >= (fault.fromMs ?? 0) &&
    at < (fault.untilMs ?? Number.POSITIVE_INFINITY) &&
    (fault.account ?? target.account) === target.account &&
    (fault.region ?? target.region) === target.region &&
    (fault.kinds?.includes(target.kind) ?? true) &&
    (fault.operations?.some((pattern) => matchesOperation(pattern, target.operation)) ?? true);

  return {
    add(fault) {
      const entry = { fault, random: random.fork(`fault ${added++}`), hits: 0, passed: 0 };
      active.add(entry);
      return () => void active.delete(entry);
    },
    meet(target) {
      const at = clock.monotonic() - startedAt;
      for (const entry of active) {
        const { fault } = entry;
        if (entry.hits >= (fault.times ?? Number.POSITIVE_INFINITY) || !matches(fault, target, at)) continue;
        if (fault.share !== undefined && entry.random() >= fault.share) continue;
        if (entry.passed++ < (fault.skip ?? 0)) continue;
        entry.hits++;
        return fault;
      }
      return undefined;
    },
  };
}
