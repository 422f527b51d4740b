import type { Lease, LeaseRequest, TokenLender } from "provider-guard";
import type { SimulatedClock } from "provider-guard/testing";
import { type BookPage, lend, newPage } from "../../src/rate-limit/lease-book.ts";
import { attend, noMembers } from "../../src/rate-limit/membership.ts";
import { Reach } from "../../src/rate-limit/reach.ts";

/** What may happen to a replica's requests. `deaf`: they arrive, and no answer comes back. */
export type Line = "good" | "cut" | "deaf";

/** A replica's end of the store below. */
export interface Replica {
  readonly lender: TokenLender;
  line: Line;
}

/** A store that lends tokens as Redis does, on virtual time. */
export interface LendingStore {
  replica(id: string): Replica;
  /** Loses everything it knew. */
  flush(): void;
  /** Milliseconds each way. */
  latencyMs: number;
}

/** @param replicas - How many are meant to run; `undefined`: who is cut off waits. */
export function lendingStore(clock: SimulatedClock, leaseMs: number, replicas?: number): LendingStore {
  let pages = new Map<string, BookPage>();
  let members = noMembers();
  let epochAt = Number.NEGATIVE_INFINITY; // a store that has been there for long
  const timeoutMs = 500;
  const store: LendingStore = {
    latencyMs: 1,
    flush() {
      pages = new Map();
      members = noMembers();
      epochAt = clock.monotonic();
    },
    replica(id) {
      const replica = { line: "good" as Line, lender: undefined as unknown as TokenLender };
      const travel = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms));
      const lost = async (after: number) => {
        await travel(after);
        throw new Error("no answer");
      };

      /** One request: it arrives or not, is served in one step, and its answer comes back or not. */
      async function request<T>(serve: () => T): Promise<T> {
        if (replica.line === "cut") return lost(timeoutMs) as Promise<never>;
        await travel(store.latencyMs);
        const answer = serve();
        if (replica.line !== "good") return lost(timeoutMs - store.latencyMs) as Promise<never>;
        await travel(store.latencyMs);
        return answer;
      }

      function serve(asked: LeaseRequest): Lease {
        const now = clock.monotonic();
        const pool = replicas === undefined ? undefined : attend(members, id, now, leaseMs, replicas);
        const page = pages.get(asked.bucket) ?? newPage(epochAt + leaseMs);
        pages.set(asked.bucket, page);
        return lend(page, id + asked.borrower, asked, now, { leaseMs, pool });
      }

      const reach = new Reach({ clock, leaseMs, probe: () => request(() => undefined) });
      replica.lender = {
        replicas,
        get alone() {
          return reach.alone;
        },
        lease: (asked) => reach.run(() => request(() => serve(asked))),
      };
      return replica;
    },
  };
  return store;
}
