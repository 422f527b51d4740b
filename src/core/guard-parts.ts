import type { Journal } from "./journal.ts";

/** What of a guard other parts of the library may use that its users may not. */
export interface GuardParts {
  readonly journal: Journal | undefined;
}

/** The parts of each guard, for what stands beside it: its journal has one writer. */
export const guardParts = new WeakMap<object, GuardParts>();
