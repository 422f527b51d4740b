import { AsyncResource } from "node:async_hooks";
import { type Clock, systemClock, type Timer } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import { type PendingTimer, timerHeap } from "./timer-heap.ts";

/** Options of {@link simulatedClock}. */
export interface SimulatedClockOptions {
  /** Wall-clock time at the start, in Unix milliseconds. @defaultValue 2026-01-01T00:00:00Z */
  readonly startAt?: number;
}

/** Options of {@link SimulatedClock.runUntil} and {@link SimulatedClock.advance}. */
export interface RunOptions {
  /**
   * Awaited before each step of virtual time, so that real work other than on files ends at the virtual
   * time at which it began. Resolve to `true` to be asked again, where what was waited for may have
   * begun further real work.
   */
  readonly settle?: () => Promise<unknown>;
}

/** Options of {@link SimulatedClock.runUntil}. */
export interface RunUntilOptions extends RunOptions {
  /** Virtual milliseconds after which the run is given up. @defaultValue no limit */
  readonly maxMs?: number;
}

/** A clock that shares its parent's time and can be stopped for good, like the process it stands for. */
export interface ClockScope extends Clock {
  /** Cancels every timer of this scope; it never fires another. */
  kill(): void;
  readonly killed: boolean;
}

/**
 * Virtual time: nothing passes unless it is told to, and no test sleeps. It stands still while the
 * process reads or writes files, so that a run with a real journal repeats to the byte.
 */
export interface SimulatedClock extends Clock {
  /**
   * Moves time on, firing timers in order and letting everything that follows from one happen before the next.
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`: `ms` is not finite and ≥ 0, or the clock is running already.
   */
  advance(ms: number, options?: RunOptions): Promise<void>;
  /**
   * Moves time on to the next timer whenever nothing else can happen, until the promise settles.
   * @returns What the promise resolves to; rejects as it does.
   * @throws An `Error` when `maxMs` have passed, or when no timer is left and nothing real happens for two seconds.
   */
  runUntil<T>(promise: Promise<T>, options?: RunUntilOptions): Promise<T>;
  /** Virtual time stands still while this real work is pending, too. @returns The same promise. */
  hold<T>(work: Promise<T>): Promise<T>;
  /** Moves the wall clock only, as an administrator or NTP would; timers and `monotonic` do not notice. */
  jump(ms: number): void;
  /** A clock for one process of the simulation, which can be killed. */
  scope(): ClockScope;
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number;
}

const longestTimerMs = 2 ** 31 - 1; // as on the machine's own clock
const idleMs = 2_000;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Lets every promise that can settle do so, with a second turn for callbacks that were queued in the first. */
async function drain(): Promise<void> {
  await turn();
  await turn();
}

/** Node's names for requests to the file system, `FSReqPromise` and `FSReqCallback`, and for closing a file handle. */
const fileRequest = /^(FSReq|CloseReq|FileHandleCloseReq)/;

const filesBusy = () => process.getActiveResourcesInfo().some((name) => fileRequest.test(name));

/**
 * Makes a clock of virtual time. Timers that are due together fire in the order in which they were
 * set, each in the async context that set it.
 *
 * @param options - See {@link SimulatedClockOptions}.
 * @returns A clock that stands still until it is told to move.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: `startAt` is not a finite number.
 * @example
 * import { simulatedClock } from "provider-guard/testing";
 * const clock = simulatedClock();
 * const before = clock.now();
 * clock.setTimeout(() => console.log(clock.now() - before), 60_000); // 60000, at once
 * await clock.advance(60_000);
 */
export function simulatedClock(options: SimulatedClockOptions = {}): SimulatedClock {
  const { startAt = Date.UTC(2026, 0, 1) } = options;
  if (!Number.isFinite(startAt)) throw new GuardError("ERR_CONFIG_INVALID", "startAt: expected a finite number");
  const timers = timerHeap();
  const held = new Set<Promise<unknown>>();
  let elapsed = 0;
  let jumped = 0;
  let order = 0;
  let running = false;

  function set(callback: () => void, delayMs: number): PendingTimer {
    const delay = Math.min(Math.max(0, Number.isNaN(delayMs) ? 0 : delayMs), longestTimerMs);
    const fire = AsyncResource.bind(callback);
    const timer: PendingTimer = { dueAt: elapsed + delay, order: order++, fire, cancelled: false };
    timers.add(timer);
    return timer;
  }

  /** Lets everything happen that can happen at this instant. */
  async function quiet(settle: RunOptions["settle"]): Promise<void> {
    let asked = settle === undefined;
    // Twice: between two writes there may be a moment in which the next one is only about to begin.
    for (let calm = 0; calm < 2 || !asked; ) {
      await drain();
      calm++;
      if (held.size > 0) {
        await Promise.race(held);
        calm = 0;
      } else if (filesBusy()) calm = 0;
      else if (!asked && calm >= 2) {
        asked = (await settle?.()) !== true;
        calm = 0;
      }
    }
  }

  async function exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (running) throw new GuardError("ERR_CONFIG_INVALID", "the simulated clock is being run already");
    running = true;
    try {
      return await work();
    } finally {
      running = false;
    }
  }

  /** Fires the next timer unless it is due after `limit`. */
  function step(limit: number): boolean {
    const next = timers.peek();
    if (next === undefined || next.dueAt > limit) return false;
    timers.take();
    elapsed = Math.max(elapsed, next.dueAt);
    next.cancelled = true; // a late cancel() must not count
    next.fire();
    return true;
  }

  /** Without a timer, only real work can go on: waits for it, but not for ever. */
  async function idle(until: () => boolean): Promise<void> {
    const giveUpAt = systemClock.monotonic() + idleMs;
    while (!until()) {
      if (systemClock.monotonic() > giveUpAt) {
        throw new Error("nothing is left to wait for: no timer is set and the promise is still pending");
      }
      await turn();
    }
  }

  const clock: SimulatedClock = {
    now: () => startAt + jumped + elapsed,
    monotonic: () => elapsed,
    setTimeout(callback, delayMs): Timer {
      const timer = set(callback, delayMs);
      return { cancel: () => timers.forget(timer) };
    },
    async advance(ms, { settle } = {}) {
      if (!(Number.isFinite(ms) && ms >= 0)) {
        throw new GuardError("ERR_CONFIG_INVALID", "ms: expected a finite number of at least 0");
      }
      await exclusively(async () => {
        const end = elapsed + ms;
        do await quiet(settle);
        while (step(end));
        elapsed = Math.max(elapsed, end);
      });
    },
    runUntil(promise, { settle, maxMs = Number.POSITIVE_INFINITY } = {}) {
      let done = false;
      const finish = () => {
        done = true;
      };
      promise.then(finish, finish);
      return exclusively(async () => {
        const end = elapsed + maxMs;
        for (;;) {
          await quiet(settle);
          if (done) return promise;
          if (step(end)) continue;
          if (timers.size > 0) throw new Error(`the promise was still pending after ${maxMs} virtual ms`);
          await idle(() => done || timers.size > 0);
        }
      });
    },
    hold(work) {
      const ended: Promise<unknown> = work.then(release, release);
      function release() {
        held.delete(ended);
      }
      held.add(ended);
      return work;
    },
    jump(ms) {
      jumped += ms;
    },
    scope() {
      const own = new Set<PendingTimer>();
      let killed = false;
      return {
        now: clock.now,
        monotonic: clock.monotonic,
        setTimeout(callback, delayMs) {
          if (killed) return { cancel() {} };
          const timer = set(() => {
            own.delete(timer);
            callback();
          }, delayMs);
          own.add(timer);
          return {
            cancel() {
              own.delete(timer);
              timers.forget(timer);
            },
          };
        },
        kill() {
          killed = true;
          for (const timer of own) timers.forget(timer);
          own.clear();
        },
        get killed() {
          return killed;
        },
      };
    },
    get pending() {
      return timers.size;
    },
  };
  return clock;
}
