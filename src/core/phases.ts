/** Phases of the operation ring, outermost first. */
export const operationPhases = ["observe", "freeze", "permit", "approve", "own", "quota", "record"] as const;

/** Phases of the attempt ring, outermost first. */
export const attemptPhases = ["break", "limit", "credential", "trace"] as const;

/** A named place in the operation ring. */
export type OperationPhase = (typeof operationPhases)[number];

/** A named place in the attempt ring. */
export type AttemptPhase = (typeof attemptPhases)[number];

/** A named place in either ring. */
export type Phase = OperationPhase | AttemptPhase;

/** Phases that may refuse a call, and so have a mode. */
export const refusingPhases = [
  "freeze",
  "permit",
  "approve",
  "own",
  "quota",
  "record",
  "break",
  "limit",
] as const satisfies readonly Phase[];

/** A phase that may refuse a call. */
export type RefusingPhase = (typeof refusingPhases)[number];

/** `enforce` refuses; `observe` lets the call through and records what would have happened. */
export type Mode = "enforce" | "observe";
