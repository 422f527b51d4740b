import type { Judgement } from "./classify.ts";
import type { GarbageInventory, GarbageItem } from "./inventory.ts";
import type { Mark } from "./marks.ts";

/** Marks as people see them in the cloud. */
export interface MarkTags {
  /** A tag that holds something else protects. */
  judge(item: GarbageItem, judged: Judgement): Judgement;
  /** Whether somebody took the tag of this mark away. */
  wasCleared(item: GarbageItem, mark: Mark | undefined): boolean;
  /** @returns Whether it stands there now. */
  write(inventory: GarbageInventory, item: GarbageItem, mark: Mark, signal: AbortSignal): Promise<boolean>;
  /** Takes the tag away from what is no candidate any more. */
  clear(inventory: GarbageInventory, item: GarbageItem, dryRun: boolean, signal: AbortSignal): Promise<void>;
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/** Makes what shows marks under a key. @param failed - Sees what could not be written; it is tried at the next pass. */
export function markTags(key: string, failed: (error: unknown) => void): MarkTags {
  const tagOf = ({ tags }: GarbageItem) => (tags === "unknown" ? undefined : tags[key]);
  return {
    judge(item, judged) {
      const value = tagOf(item);
      if (judged.standing !== "unlinked" || value === undefined || time.test(value)) return judged;
      return { ...judged, standing: "protected", reason: `tag ${key} holds no time` };
    },
    wasCleared: (item, mark) => mark?.tagged === true && tagOf(item) === undefined,
    async write(inventory, item, { since }, signal) {
      if (tagOf(item) !== undefined) return true;
      if (inventory.tag === undefined) return false;
      try {
        await inventory.tag(item, key, new Date(since).toISOString(), { signal });
        return true;
      } catch (error) {
        signal.throwIfAborted();
        failed(error);
        return false;
      }
    },
    async clear(inventory, item, dryRun, signal) {
      if (dryRun || inventory.tag === undefined || tagOf(item) === undefined || !time.test(tagOf(item) ?? "")) return;
      try {
        await inventory.tag(item, key, undefined, { signal });
      } catch (error) {
        signal.throwIfAborted();
        failed(error);
      }
    },
  };
}
