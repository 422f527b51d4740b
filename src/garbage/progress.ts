import type { PlanEntry } from "./plan.ts";
import type { Tally } from "./records.ts";

/** What a collector tells while it works. */
export type GarbageProgress =
  | { readonly type: "page"; readonly scope: string; readonly of: string; readonly tally: Tally }
  | {
      readonly type: "marked";
      readonly scope: string;
      readonly of: string;
      readonly id: string;
      readonly reason: string;
    }
  | {
      readonly type: "unmarked";
      readonly scope: string;
      readonly of: string;
      readonly id: string;
      readonly reason: string;
    }
  | { readonly type: "incomplete"; readonly scope: string; readonly of: string; readonly error: unknown }
  | { readonly type: "complete"; readonly scope: string; readonly of: string; readonly tally: Tally }
  | {
      readonly type: "swept";
      readonly entry: PlanEntry;
      readonly outcome: string;
      readonly done: number;
      readonly total: number;
    };
