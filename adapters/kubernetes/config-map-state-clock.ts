import type { Clock } from "../../src/core/clock.ts";
import { GuardError } from "../../src/core/errors.ts";

/** The API server's clock, as far as the `Date` headers of its answers tell. */
export interface ServerClock {
  /** @throws {@link GuardError} `ERR_CONFIG_INVALID`: no answer had a date so far. */
  now(): number;
  /** Begins a request; the result is to be told the date of its answer. */
  asking(): (dateMs: number) => void;
}

const secondMs = 1_000; // a Date header is cut off there

/**
 * Follows the API server's clock on this process's monotonic one. Each answer says between which two
 * offsets the truth lies; together they narrow it down. Where they contradict each other, the server's
 * clock was set, or it is another server: the newest counts.
 */
export function serverClock({ monotonic }: Pick<Clock, "monotonic">): ServerClock {
  let least = Number.NaN;
  let most = Number.NaN;
  return {
    now() {
      if (!Number.isNaN(least)) return monotonic() + (least + most) / 2;
      const message =
        "state: answers of the API server have no Date header; pass a clock of which all replicas have the same";
      throw new GuardError("ERR_CONFIG_INVALID", message);
    },
    asking() {
      const sentAt = monotonic();
      return (dateMs) => {
        const from = dateMs - monotonic();
        const to = dateMs + secondMs - sentAt;
        const agrees = from <= most && to >= least;
        least = agrees ? Math.max(least, from) : from;
        most = agrees ? Math.min(most, to) : to;
      };
    },
  };
}
