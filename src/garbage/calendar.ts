import * as z from "zod";

/** When resources may be deleted. */
export interface GarbageCalendar {
  /** Deletions only on these days and hours. @defaultValue any time */
  readonly businessHours?: {
    /** 0 is Sunday. @defaultValue Monday to Friday */
    readonly days?: readonly number[];
    /** First hour, 0 to 23. */
    readonly fromHour: number;
    /** Hour at which it ends, 1 to 24. */
    readonly toHour: number;
    /** An IANA name. @defaultValue `UTC` */
    readonly timeZone?: string;
  };
  /** No deletions at all within these, e.g. over the holidays. */
  readonly freezes?: readonly { readonly from: string; readonly to: string; readonly reason: string }[];
}

const zone = z.string().refine((timeZone) => {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }) !== undefined;
  } catch {
    return false;
  }
}, "no such time zone");

const hours = z
  .strictObject({
    days: z.array(z.int().min(0).max(6)).min(1).default([1, 2, 3, 4, 5]),
    fromHour: z.int().min(0).max(23),
    toHour: z.int().min(1).max(24),
    timeZone: zone.default("UTC"),
  })
  .refine(({ fromHour, toHour }) => fromHour < toHour, "fromHour has to be before toHour");

const moment = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), "expected a time such as 2026-12-24T00:00:00Z");

export const calendarSchema = z.strictObject({
  businessHours: hours.optional(),
  freezes: z
    .array(
      z
        .strictObject({ from: moment, to: moment, reason: z.string().min(1) })
        .refine(({ from, to }) => Date.parse(from) < Date.parse(to), "from has to be before to"),
    )
    .default([]),
});

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Says why nothing may be deleted at a moment, in Unix milliseconds. */
export function calendar(checked: z.infer<typeof calendarSchema> | undefined): (now: number) => string | undefined {
  const { businessHours, freezes = [] } = checked ?? {};
  const format =
    businessHours &&
    new Intl.DateTimeFormat("en-US", {
      timeZone: businessHours.timeZone,
      weekday: "short",
      hour: "numeric",
      hourCycle: "h23",
    });
  return (now) => {
    const freeze = freezes.find(({ from, to }) => now >= Date.parse(from) && now < Date.parse(to));
    if (freeze !== undefined) return `freeze until ${freeze.to}: ${freeze.reason}`;
    if (businessHours === undefined || format === undefined) return undefined;
    const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
    const day = dayNames.indexOf(parts.get("weekday") ?? "");
    const hour = Number(parts.get("hour"));
    const open = businessHours.days.includes(day) && hour >= businessHours.fromHour && hour < businessHours.toHour;
    return open ? undefined : "outside business hours";
  };
}
