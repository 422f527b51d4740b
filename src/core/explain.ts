import type { Call } from "./call.ts";
import type { Explanation } from "./interceptor.ts";
import { attemptPhases, type Mode, operationPhases, type Phase, type RefusingPhase, refusingPhases } from "./phases.ts";
import type { Rings, Stage } from "./pipeline.ts";

/** One line of the pipeline. */
export interface StageView {
  readonly ring: "operation" | "attempt";
  readonly phase: Phase;
  /** Name of the interceptor, or `undefined` where nothing fills the phase. */
  readonly interceptor: string | undefined;
  readonly origin: "built-in" | "user" | "empty";
  /** Only for phases that may refuse. */
  readonly mode?: Mode;
  /** What it would do with the call that was asked about. */
  readonly explanation?: Explanation;
}

/** The pipeline, as data and, through `toString`, as text for people. */
export interface PipelineView {
  readonly stages: readonly StageView[];
  toString(): string;
}

function text(stages: readonly StageView[]): string {
  return stages
    .map((stage) => {
      const who = stage.interceptor ?? "-";
      const mode = stage.mode === "observe" ? " (observe)" : "";
      const what = stage.explanation === undefined ? "" : `  ${stage.explanation.verdict}: ${stage.explanation.reason}`;
      return `${stage.ring.padEnd(9)} ${stage.phase.padEnd(10)} ${who}${mode}${what}`;
    })
    .join("\n");
}

/** Describes both rings, and what each stage would do with a call, without doing it. */
export function explainPipeline(rings: Rings, modeOf: (phase: RefusingPhase) => Mode, call?: Call): PipelineView {
  type AnyStage = Stage<{ readonly name: string; explain?(call: Call): Explanation | undefined }>;

  function view(ring: StageView["ring"], phase: Phase, stages: readonly AnyStage[]): StageView[] {
    const mine = stages.filter((stage) => stage.phase === phase);
    const mode = (refusingPhases as readonly Phase[]).includes(phase)
      ? { mode: modeOf(phase as RefusingPhase) }
      : undefined;
    if (mine.length === 0) return [{ ring, phase, interceptor: undefined, origin: "empty" }];
    return mine.map(({ interceptor, origin }) => {
      const explanation = call && interceptor.explain?.(call);
      return {
        ring,
        phase,
        interceptor: interceptor.name,
        origin,
        ...(origin === "built-in" ? mode : undefined),
        ...(explanation === undefined ? {} : { explanation }),
      };
    });
  }

  const stages = [
    ...operationPhases.flatMap((phase) => view("operation", phase, rings.operation)),
    ...attemptPhases.flatMap((phase) => view("attempt", phase, rings.attempt)),
  ];
  return { stages, toString: () => text(stages) };
}
