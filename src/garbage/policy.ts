import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import type { OwnerTags } from "../core/tags.ts";
import { calendar, calendarSchema, type GarbageCalendar } from "./calendar.ts";
import type { GarbageInventory, GarbageItem } from "./inventory.ts";

/** What happens to one type. */
export interface GarbageRule {
  /** How long a resource must have been seen without an owner, in milliseconds. There is no zero by default. */
  readonly graceMs?: number;
  /** `delete`, or `mark` alone. @defaultValue `mark` */
  readonly action?: "mark" | "delete";
}

/** How much may be deleted of one type in one scope before everything of it stops. 0 means none at all. */
export interface GarbageBreakers {
  /** At most so many within the window. @defaultValue 20 */
  readonly maxCount?: number;
  /** At most so many percent of what the provider has of the type, within the window. @defaultValue 10 */
  readonly maxPercent?: number;
  /** Up to so many are no matter of percent: one of three is 33 %. @defaultValue 3; 0 where `maxPercent` is 0 */
  readonly percentFrom?: number;
  /** @defaultValue 86400000, a day */
  readonly windowMs?: number;
}

/** Keeps resources whatever their owner. A rule that throws, or answers anything but `false`, protects. */
export interface ProtectRule {
  readonly name: string;
  readonly when: (item: GarbageItem, owner: OwnerTags) => boolean;
}

/** What the collector may do. */
export interface GarbagePolicy {
  /** For types without a rule of their own. `graceMs` has to be said here or for every type. */
  readonly default?: GarbageRule;
  /** By type. A type that no inventory has is refused. */
  readonly types?: Readonly<Record<string, GarbageRule>>;
  /** Complete passes that must have seen it without an owner, at least 2. @defaultValue 2 */
  readonly passes?: number;
  /** What is younger than this when a pass begins is not judged, in milliseconds. @defaultValue 600000 */
  readonly minAgeMs?: number;
  /**
   * How much time between two passes counts as grace where nobody can say how long it was: after a
   * restart the wall clock alone would. @defaultValue 3600000
   */
  readonly maxGapMs?: number;
  readonly breakers?: GarbageBreakers;
  /** By type; what is left out is as in `breakers`. */
  readonly breakersByType?: Readonly<Record<string, GarbageBreakers>>;
  /** A resource with this tag, whatever its value, is kept. @defaultValue `provider-guard-protect` */
  readonly protectionTag?: string;
  readonly protect?: readonly ProtectRule[];
  /** When deletions may happen. @defaultValue always */
  readonly calendar?: GarbageCalendar;
  /** How long after its notice a resource is deleted at the earliest, in milliseconds. @defaultValue 0 */
  readonly noticeMs?: number;
}

/** A policy with its defaults. */
export interface CheckedPolicy extends Required<Pick<GarbagePolicy, "passes" | "minAgeMs" | "maxGapMs" | "noticeMs">> {
  readonly protectionTag: string;
  readonly protect: readonly ProtectRule[];
  ruleOf(type: string): Required<GarbageRule>;
  breakersOf(type: string): Required<GarbageBreakers>;
  /** Why nothing may be deleted at this moment. */
  closed(now: number): string | undefined;
}

const ms = z
  .number()
  .min(0)
  .max(10 * 365 * 86_400_000);
const rule = z.strictObject({
  graceMs: ms.min(1, "there is no zero grace").optional(),
  action: z.enum(["mark", "delete"]).optional(),
});
const breakers = z.strictObject({
  maxCount: z.int().min(0).optional(),
  maxPercent: z.number().min(0).max(100).optional(),
  percentFrom: z.int().min(0).optional(),
  windowMs: ms.min(60_000).optional(),
});
const schema = z.strictObject({
  default: rule.optional(),
  types: z.record(z.string(), rule).default({}),
  passes: z.int().min(2, "one pass alone proves nothing").max(1000).default(2),
  minAgeMs: ms.default(600_000),
  maxGapMs: ms.default(3_600_000),
  breakers: breakers.default({}),
  breakersByType: z.record(z.string(), breakers).default({}),
  protectionTag: z.string().min(1).default("provider-guard-protect"),
  protect: z.array(z.strictObject({ name: z.string().min(1), when: z.function() })).default([]),
  calendar: calendarSchema.optional(),
  noticeMs: ms.default(0),
});

/** Checks a policy against what there is. @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path. */
export function checkPolicy(policy: GarbagePolicy, inventories: readonly GarbageInventory[]): CheckedPolicy {
  const checked = parseOptions(schema, policy, "policy");
  const types = new Map(inventories.flatMap((each) => each.types.map((type) => [type.name, type])));
  const named = z.looseObject({
    types: knownKeys(types),
    breakersByType: knownKeys(types),
  });
  parseOptions(named, checked, "policy");
  const graces = z.record(z.string(), z.number({ error: "graceMs has to be said for this type, or as default" }));
  const graceOf = (type: string) => checked.types[type]?.graceMs ?? checked.default?.graceMs;
  parseOptions(graces, Object.fromEntries([...types.keys()].map((type) => [type, graceOf(type)])), "policy.types");

  return {
    ...checked,
    protect: policy.protect ?? [],
    closed: calendar(checked.calendar),
    ruleOf(type) {
      const { action: byDefault = "mark" } = checked.default ?? {};
      const action = checked.types[type]?.action ?? (types.get(type)?.holdsData === false ? byDefault : "mark");
      return { graceMs: graceOf(type) ?? Number.POSITIVE_INFINITY, action };
    },
    breakersOf(type) {
      const said = { ...checked.breakers, ...checked.breakersByType[type] };
      const { maxCount = 20, maxPercent = 10, windowMs = 86_400_000 } = said;
      return { maxCount, maxPercent, windowMs, percentFrom: said.percentFrom ?? (maxPercent === 0 ? 0 : 3) };
    },
  };
}

const knownKeys = (types: ReadonlyMap<string, unknown>) =>
  z.record(
    z.string().refine((type) => types.has(type), "no inventory has this type"),
    z.unknown(),
  );
