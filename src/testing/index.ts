export { type SeededRandom, seededRandom } from "./seeded-random.ts";
export {
  type ClockScope,
  type RunOptions,
  type RunUntilOptions,
  type SimulatedClock,
  type SimulatedClockOptions,
  simulatedClock,
} from "./simulated-clock.ts";
