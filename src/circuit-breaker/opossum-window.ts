import { EventEmitter } from "node:events";
import OpossumBreaker from "opossum";
import type { BreakerSettings } from "./options.ts";

/** How many slices a window has; it moves on by one slice at a time. */
export const windowSlices = 10;

/** An opossum breaker that counts requests and decides when to open. */
export interface OpossumWindow {
  /** Counts one finished request. */
  record(failed: boolean): void;
  /** Moves the window on by one slice. */
  turn(): void;
  /** Shuts opossum down. Safe to call twice. */
  close(): void;
}

// One error for all: opossum hands it to its events, so it must know nothing of any call.
const outage = new Error("outage");

// Settle while opossum looks at them, not a few microtasks later: the attempt that
// passes the threshold is the last one to get through.
const success = {
  // biome-ignore lint/suspicious/noThenProperty: opossum takes any thenable, and only it sees this one.
  then(fulfilled: () => void) {
    fulfilled();
    return { catch() {} };
  },
};
const failure = {
  // biome-ignore lint/suspicious/noThenProperty: as above.
  then: () => ({
    catch: (rejected: (error: Error) => void) => rejected(outage),
  }),
};

const settle = (failed: boolean) => (failed ? failure : success) as unknown as Promise<void>;
const ignore = () => {};

/**
 * Makes an opossum breaker that never sees a request: it is told how one ended. So nothing of a
 * call reaches its events, no filter of its own decides what counts, and no timeout of its own
 * rejects while a request goes on.
 *
 * @param settings - Threshold and window.
 * @param successes - How many requests succeeded before, by slice, the newest first.
 * @param onOpen - Called when the threshold is passed.
 */
export function opossumWindow(
  settings: BreakerSettings,
  successes: readonly number[],
  onOpen: () => void,
): OpossumWindow {
  // An emitter for each window, since a shared one scans all its listeners to remove one: many
  // keys recovering together would block the process. What is shared is the timer behind it.
  const rotation = new EventEmitter();
  // A literal of its own, since opossum writes its defaults into the object it is given.
  const breaker = new OpossumBreaker(settle, {
    timeout: false,
    errorThresholdPercentage: settings.failureThresholdPercent,
    volumeThreshold: settings.minimumAttempts,
    rollingCountTimeout: settings.windowMs,
    rollingCountBuckets: windowSlices,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: rotation,
  });
  // Opossum's own listener starts a timer on the machine's clock that half-opens after resetTimeout.
  breaker.removeAllListeners("open");
  breaker.on("open", onOpen);

  for (const [index, slice] of breaker.status.window.entries()) {
    slice.fires = slice.successes = successes[index] ?? 0;
  }
  let newest = breaker.status.window[0];
  return {
    record(failed) {
      breaker.fire(failed).catch(ignore);
      // Opossum keeps a latency of every request even where percentiles are off.
      if (newest !== undefined) newest.latencyTimes.length = 0;
    },
    turn() {
      rotation.emit("rotate");
      newest = breaker.status.window[0];
    },
    close: () => breaker.shutdown(),
  };
}
