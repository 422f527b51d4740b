import type { Clock, Timer } from "../core/clock.ts";
import { windowSlices } from "./opossum-window.ts";

/** Something whose window moves on with time. */
export interface Turning {
  /**
   * Moves on by one slice.
   * @returns Whether it has to be turned again.
   */
  turn(): boolean;
}

/** One timer for every window, and none while there is no window. */
export interface Rotation {
  add(member: Turning): void;
  delete(member: Turning): void;
  close(): void;
}

/**
 * Turns its members on the injected clock.
 *
 * @param clock - Where time comes from.
 * @param sliceMs - Milliseconds between two turns.
 */
export function rotation(clock: Clock, sliceMs: number): Rotation {
  const members = new Set<Turning>();
  let timer: Timer | undefined;
  let turnedAt = 0;

  function start(): void {
    turnedAt = clock.monotonic();
    timer = clock.setTimeout(tick, sliceMs);
  }

  function tick(): void {
    timer = undefined;
    // A blocked event loop delays the timer: what it missed is made up for.
    const passed = Math.floor((clock.monotonic() - turnedAt) / sliceMs);
    const turns = Math.min(Math.max(1, passed), windowSlices);
    for (const member of members) {
      for (let turn = 0; turn < turns; turn++) {
        if (member.turn()) continue;
        members.delete(member);
        break;
      }
    }
    if (members.size > 0) start();
  }

  function stopIfIdle(): void {
    if (members.size > 0) return;
    timer?.cancel();
    timer = undefined;
  }

  return {
    add(member) {
      members.add(member);
      if (timer === undefined) start();
    },
    delete(member) {
      members.delete(member);
      stopIfIdle();
    },
    close() {
      members.clear();
      stopIfIdle();
    },
  };
}
