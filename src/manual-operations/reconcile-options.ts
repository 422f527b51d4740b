import * as z from "zod";
import type { Clock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import type { Finding } from "./findings.ts";
import type { JournalCall } from "./journal-call.ts";
import type { Belonging, Judgement } from "./judge.ts";
import type { Trail } from "./trail.ts";
import type { TrailEvent } from "./trail-event.ts";

/** What a trail is compared with, and how; shared by `reconcileTrail` and `trailWatch`. */
export interface ComparisonOptions {
  /**
   * The journals of every process that uses these credentials: without one of them its calls would
   * look like those of a thief.
   */
  readonly journal: { readonly directory: string | readonly string[] };
  readonly trail: Trail;
  /**
   * Your controllers' own identities, by any name that the trail has for them: a role's ARN, a client
   * id, a service account's address, a user's id. What they did and no journal tells of was done by
   * somebody else.
   */
  readonly principals: readonly string[] | ((event: TrailEvent) => boolean);
  /** Which events are about infrastructure of yours. @defaultValue all of them */
  readonly concerns?: (event: TrailEvent) => boolean;
  /** Whose resources an event is about. @defaultValue nobody knows */
  readonly belongsTo?: (event: TrailEvent) => Belonging | undefined | Promise<Belonging | undefined>;
  /** Whether journal and trail name the same operation. @defaultValue the same name, prefix and case aside */
  readonly sameOperation?: (call: JournalCall, event: TrailEvent) => boolean;
  /** Whether the trail must show a successful change; services without a trail are left out here. @defaultValue all */
  readonly shows?: (call: JournalCall) => boolean;
  /** Whether reads are compared, too. @defaultValue false */
  readonly reads?: boolean;
  /** By how much the cloud's clock may differ, in milliseconds. @defaultValue 120000 */
  readonly slackMs?: number;
  /** How long a call without an outcome may have been on its way, in milliseconds. @defaultValue 900000 */
  readonly openMs?: number;
  /**
   * By how much a record may be late beyond the trail's usual delay, in milliseconds. A call that is not
   * shown is unknown until then, and missing only after that.
   * @defaultValue 21600000, six hours
   */
  readonly lateMs?: number;
  /** The most calls kept in memory; beyond, a shorter span is judged. @defaultValue 200000 */
  readonly maxCalls?: number;
  /** Sees everything that was judged. What it throws ends the reconciliation. */
  readonly onJudged?: (judgement: Judgement) => void;
  /** Sees each finding, and is waited for. What it throws ends the reconciliation. */
  readonly onFinding?: (finding: Finding) => void | Promise<void>;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const callback = z.function().optional();

const comparison = {
  journal: z.strictObject({
    directory: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  }),
  trail: z.looseObject({ cloud: z.string().min(1), deliveryDelayMs: z.number().min(0), read: z.function() }),
  principals: z.union([z.array(z.string().min(1)).min(1), z.function()], {
    error: "expected at least one identity of your controllers, or a function that knows them",
  }),
  concerns: callback,
  belongsTo: callback,
  sameOperation: callback,
  shows: callback,
  reads: z.boolean().default(false),
  slackMs: z.number().min(0).default(120_000),
  openMs: z.number().min(0).default(900_000),
  lateMs: z.number().min(0).default(21_600_000),
  maxCalls: z.int().positive().default(200_000),
  onJudged: callback,
  onFinding: callback,
  clock: z.looseObject({ now: z.function() }).optional(),
};

/** Options that were checked, with defaults put in. */
export interface CheckedComparison {
  readonly reads: boolean;
  readonly slackMs: number;
  readonly openMs: number;
  readonly lateMs: number;
  readonly maxCalls: number;
  readonly directories: readonly string[];
}

/** @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function parseComparison<S extends z.ZodRawShape>(options: unknown, more: S, root: string) {
  const parsed = parseOptions(z.strictObject({ ...comparison, ...more }), options, root);
  const { directory } = (options as ComparisonOptions).journal;
  const directories = typeof directory === "string" ? [directory] : [...directory];
  return { ...parsed, directories };
}

/** Makes the test for our own identities. */
export function ownIdentity(principals: ComparisonOptions["principals"]): (event: TrailEvent) => boolean {
  if (typeof principals === "function") return principals;
  const ours = new Set(principals.map((id) => id.toLowerCase()));
  return ({ principal }) => principal?.ids.some((id) => ours.has(id.toLowerCase())) ?? false;
}
