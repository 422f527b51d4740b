import type { Clock } from "../../src/core/clock.ts";
import type { TokenLender } from "../../src/core/token-lender.ts";
import { type BookPage, idleAfterMs, lend, newPage } from "../../src/rate-limit/lease-book.ts";
import { unavailable } from "./failure.ts";
import type { FileStore } from "./store.ts";

/** What a lender on a folder needs. */
export interface FileLenderOptions {
  readonly store: FileStore;
  readonly directory: string;
  /** Names this store among all that were ever opened. */
  readonly replica: string;
  readonly leaseMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Lends the tokens of buckets that live in the folder to all processes on it. */
export function fileLender({ store, directory, replica, leaseMs, timeoutMs, clock }: FileLenderOptions): TokenLender {
  return {
    replicas: undefined,
    alone: false,
    lease(request, { signal } = {}) {
      const deadline = clock.now() + timeoutMs;
      return store.transact(
        `bucket/${request.bucket}`,
        (found, now) => {
          if (now > deadline) throw unavailable(directory, new Error("whoever asked has given up"));
          const page: BookPage = found === undefined ? newPage(0) : JSON.parse(found.value);
          const result = lend(page, replica + (request.borrower ?? ""), request, now, { leaseMs });
          const endsAt = now + idleAfterMs(page, request, now, leaseMs);
          return { result, write: { value: JSON.stringify(page), endsAt } };
        },
        signal,
      );
    },
  };
}
