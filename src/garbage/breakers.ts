import type { GarbageBreakers } from "./policy.ts";
import type { BreakerRecord, TypeRecord } from "./records.ts";

const hourMs = 3_600_000;

/** Deletions within the window. What the clock puts into the future counts, too. */
function deletedWithin({ hours }: BreakerRecord, windowMs: number, now: number): number {
  const from = Math.floor((now - windowMs) / hourMs);
  return hours.reduce((sum, [hour, count]) => (hour >= from ? sum + count : sum), 0);
}

/** The record after one more deletion. */
export function oneMore(record: BreakerRecord, windowMs: number, now: number): BreakerRecord {
  const from = Math.floor((now - windowMs) / hourMs);
  const hour = Math.floor(now / hourMs);
  const hours = new Map(record.hours.filter(([each]) => each >= from));
  hours.set(hour, (hours.get(hour) ?? 0) + 1);
  return { ...record, hours: [...hours] };
}

/**
 * Why so many deletions of one type and scope are too many.
 * @param wanted - How many are about to be made.
 * @returns `undefined` where they are not.
 */
export function tooMany(
  record: BreakerRecord,
  type: TypeRecord,
  { maxCount, maxPercent, percentFrom, windowMs }: Required<GarbageBreakers>,
  wanted: number,
  now: number,
): string | undefined {
  if (record.latched !== undefined) return `latched: ${record.latched.reason}`;
  if (wanted === 0) return undefined;
  const deleted = deletedWithin(record, windowMs, now);
  const all = deleted + wanted;
  const { allowed, complete } = { allowed: undefined, complete: undefined, ...record, ...type };
  const accepted = allowed !== undefined && now >= allowed.at && now - allowed.at < windowMs ? allowed.count : 0;
  const most = maxCount === 0 ? 0 : Math.max(maxCount, accepted);
  if (all > most) return `${all} of this type within the window, at most ${most}`;
  const { tally } = complete ?? {};
  const owned = deleted + (tally === undefined ? 0 : tally.linked + tally.unlinked + tally.protected + tally.young);
  const percent = Math.floor((owned * maxPercent) / 100);
  const mostOfAll = maxPercent === 0 ? 0 : Math.max(percent, percentFrom, accepted);
  return all > mostOfAll ? `${all} of ${owned} within the window, at most ${maxPercent} %` : undefined;
}
