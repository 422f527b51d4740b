import type { Clock, Random } from "./clock.ts";
import type { Mode, RefusingPhase } from "./phases.ts";
import type { Telemetry } from "./telemetry.ts";

/** What every part of one guard shares. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  modeOf(phase: RefusingPhase): Mode;
}
