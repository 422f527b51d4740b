import { type Clock, systemClock } from "provider-guard";

/** The machine's clock, moved on by hand: nobody waits a day for a grace. */
export function movableClock(): Clock & { advance(ms: number): void } {
  let offset = 0;
  return {
    now: () => systemClock.now() + offset,
    monotonic: () => systemClock.monotonic() + offset,
    setTimeout: systemClock.setTimeout,
    advance(ms) {
      offset += ms;
    },
  };
}
