import { type OpossumWindow, opossumWindow, windowSlices } from "./opossum-window.ts";
import type { BreakerSettings } from "./options.ts";

/** The successes and failures of one key's recent past. */
export interface FailureWindow {
  /** Counts one finished request; opens, through `onOpen`, when the threshold is passed. */
  record(failed: boolean): void;
  /**
   * Moves the window on by one slice.
   * @returns Whether anything is left in it.
   */
  turn(): boolean;
  /** Lets go of what it holds. Safe to call twice. */
  close(): void;
}

/**
 * Makes a window that opossum joins at the first failure and leaves when the last one has moved
 * out of it: without a failure nothing can open, and an opossum breaker costs some 7 KB a key and
 * most of the time that a counted request takes.
 *
 * @param settings - Threshold and window.
 * @param onOpen - Called when the threshold is passed.
 */
export function failureWindow(settings: BreakerSettings, onOpen: () => void): FailureWindow {
  const successes = new Array<number>(windowSlices).fill(0); // by slice, the newest first
  let opossum: OpossumWindow | undefined;
  let turnsSinceFailure = 0;
  let turnsSinceRecord = 0;

  function close(): void {
    opossum?.close();
    opossum = undefined;
  }

  return {
    record(failed) {
      turnsSinceRecord = 0;
      if (failed) {
        turnsSinceFailure = 0;
        opossum ??= opossumWindow(settings, successes, onOpen);
      } else {
        successes[0] = (successes[0] ?? 0) + 1;
      }
      opossum?.record(failed);
    },
    turn() {
      successes.pop();
      successes.unshift(0);
      turnsSinceRecord++;
      turnsSinceFailure++;
      if (turnsSinceFailure < windowSlices) opossum?.turn();
      else close();
      return turnsSinceRecord < windowSlices;
    },
    close,
  };
}
