import type { Clock, Timer } from "../../src/core/clock.ts";

/** A time during which this process leads. */
export interface Leadership {
  /** Greater than the token of every term before, whoever led. */
  readonly token: number;
  /** Aborts when the term ends. */
  readonly signal: AbortSignal;
}

/** A moment on both clocks. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

/** The moment at which something is about to be sent. */
export const momentOf = (clock: Clock): Moment => ({ monotonic: clock.monotonic(), wall: clock.now() });

/**
 * Milliseconds since a moment, by whichever clock says more. The monotonic clock stands still while a
 * machine sleeps; the other one does not, and where it is set forward, too much is on the safe side.
 */
export const since = (clock: Clock, { monotonic, wall }: Moment): number =>
  Math.max(clock.monotonic() - monotonic, clock.now() - wall);

/** A term that ends by itself unless it is renewed. */
export interface Term extends Leadership {
  /** Whether it is surely held, right now. */
  readonly held: boolean;
  /** @param sent - Taken before the request that renewed it was sent. */
  renewed(sent: Moment): void;
  /** Ends it; `false` where it had ended before. */
  end(reason: unknown): boolean;
}

/**
 * Begins a term.
 *
 * @param expired - Called once when the time runs out: by a timer, where this process is not frozen.
 */
export function beginTerm(clock: Clock, token: number, from: Moment, validMs: number, expired: () => void): Term {
  const controller = new AbortController();
  let sent = from;
  let timer: Timer;

  function arm(): void {
    const leftMs = validMs - since(clock, sent);
    timer = clock.setTimeout(() => (term.held ? arm() : expired()), Math.max(1, Math.ceil(leftMs)));
  }

  const term: Term = {
    token,
    signal: controller.signal,
    get held() {
      return !controller.signal.aborted && since(clock, sent) < validMs;
    },
    renewed(moment) {
      sent = moment;
      timer.cancel();
      arm();
    },
    end(reason) {
      if (controller.signal.aborted) return false;
      timer.cancel();
      controller.abort(reason);
      return true;
    },
  };
  arm();
  return term;
}
