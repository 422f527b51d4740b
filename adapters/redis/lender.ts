import type { Clock } from "../../src/core/clock.ts";
import { GuardError } from "../../src/core/errors.ts";
import type { Lease, LeaseRequest, TokenLender } from "../../src/core/token-lender.ts";
import { Reach } from "../../src/rate-limit/reach.ts";
import type { Connection, Send } from "./connection.ts";
import { leaseScript, timeScript } from "./lease-script.ts";
import { wellFormed } from "./record.ts";

/** Redis' clock is read again after so long, since two clocks drift apart. */
const driftAfterMs = 60_000;

interface LenderOptions {
  readonly connection: Connection;
  /** What every key starts with. */
  readonly prefix: string;
  /** Names this replica: no other, and no earlier run of this one, has the same. */
  readonly replica: string;
  readonly leaseMs: number;
  readonly timeoutMs: number;
  readonly replicas?: number | undefined;
  readonly clock: Clock;
  /** The injected clock's time, where there is one. */
  readonly now: () => number | undefined;
}

function check({ bucket, ...request }: LeaseRequest): string {
  for (const name of ["ratePerSecond", "burst", "held", "need", "want"] as const) {
    const value = request[name];
    const positive = name === "ratePerSecond" || name === "burst";
    if (Number.isFinite(value) && (positive ? value > 0 : value >= 0)) continue;
    throw new GuardError(
      "ERR_CONFIG_INVALID",
      `lease of ${bucket}: ${name} must be finite and ${positive ? ">" : "≥"} 0`,
    );
  }
  return wellFormed(bucket);
}

/**
 * Lends the tokens of buckets that live in Redis, one round trip a lease.
 *
 * A request that is given up must not be served later: a replica that went on without an answer
 * would hold other tokens than Redis believes. So each says until when, by Redis' clock, it may be
 * served; and where two arrive in another order than they were sent in, the older one is refused.
 */
export function redisLender(options: LenderOptions): TokenLender & { close(): void } {
  const { connection, prefix, replica, leaseMs, timeoutMs, replicas, clock, now } = options;
  const epochKey = `${prefix}epoch`;
  let requests = 0;
  /** Redis' clock as of some moment of ours; it is a little further than that. */
  let read: { readonly storeMs: number; readonly at: number } | undefined;

  function noteTime(storeMs: number): void {
    read = { storeMs, at: clock.monotonic() };
  }

  async function readTime(send: Send): Promise<void> {
    noteTime(Number(await timeScript.run(send, [epochKey], [])));
  }

  /** When a request that was begun then is given up, by Redis' clock, and never later than that. */
  async function deadlineOf(startedAt: number, send: Send): Promise<number | ""> {
    if (now() !== undefined) return "";
    if (read === undefined || clock.monotonic() - read.at > driftAfterMs) await readTime(send);
    const { storeMs, at } = read as NonNullable<typeof read>;
    return storeMs + (startedAt + timeoutMs - at);
  }

  // A request may arrive until it is given up, so the others leave this replica its part that much later.
  const reach = new Reach({ clock, leaseMs: leaseMs + timeoutMs, probe: () => connection.run(readTime) });

  return {
    replicas,
    get alone() {
      return reach.alone;
    },
    async lease(request, { signal } = {}): Promise<Lease> {
      const bucket = check(request);
      const { ratePerSecond, burst, need, want, held, feedback: { throttled, succeeded, remaining } = {} } = request;
      const startedAt = clock.monotonic();
      const serve = async (send: Send) => {
        const deadline = await deadlineOf(startedAt, send);
        const reply = await leaseScript.run(
          send,
          [epochKey, `${prefix}bucket:${bucket}`],
          [
            ...[now() ?? "", deadline, leaseMs, replica, ++requests, replicas ?? ""],
            ...[ratePerSecond, burst, need, want, held],
            ...[succeeded ? 1 : "", throttled?.admittedAgoMs ?? "", throttled?.retryAfterMs ?? "", remaining ?? ""],
            request.borrower ?? "",
          ],
        );
        return (reply as string[]).map(Number) as [number, number, number, number, number, number];
      };
      try {
        const answer = await reach.run(() => connection.run(serve, signal));
        const [tokens, kept, retryMs, ratePerSecond, pausedMs, storeMs] = answer;
        noteTime(storeMs);
        return { tokens, kept, validMs: leaseMs, retryMs, ratePerSecond, pausedMs };
      } catch (error) {
        read = undefined; // perhaps Redis' clock was set, or another Redis answers now
        throw error;
      }
    },
    close: () => reach.close(),
  };
}
