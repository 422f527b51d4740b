export type { GarbageCalendar } from "./calendar.ts";
export type { Judgement, Standing } from "./classify.ts";
export { garbageCollector } from "./collector.ts";
export type {
  GarbageCollector,
  GarbageCollectorOptions,
  GarbageExplanation,
  GarbageRunOptions,
  GarbageSaying,
  GarbageScan,
  GarbageTypeStatus,
} from "./collector-interface.ts";
export type { GarbageInventory, GarbageItem, GarbagePage, GarbageRequest, GarbageType, Removal } from "./inventory.ts";
export type { Count, GarbageMarks, Mark } from "./marks.ts";
export { stateMarks, tagMarks } from "./marks.ts";
export type { CallbackOwnersOptions, LiveOwnership, OwnerSource } from "./owners.ts";
export { callbackOwners } from "./owners.ts";
export type { GarbagePlan, PlanEntry, TrippedBreaker } from "./plan.ts";
export { planTable } from "./plan-table.ts";
export type { GarbageBreakers, GarbagePolicy, GarbageRule, ProtectRule } from "./policy.ts";
export type { GarbageProgress } from "./progress.ts";
export type { BreakerRecord, Checkpoint, CompletePass, Tally, TypeRecord } from "./records.ts";
export type { GarbageSweep } from "./sweep.ts";
